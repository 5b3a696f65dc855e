/**
 * Passes the bytes of a session both ways. Each side's bytes are shown to a watcher before they go on; what a watcher
 * throws ends the session. As fast as the slower side takes them, and no faster than the audit log does.
 */
import type { Duplex } from "node:stream";

/** How a relay ended: which side went first, or what a watcher said. */
export type RelayEnd = { readonly by: "client" | "server" } | { readonly error: unknown };

/** What looks at the bytes. */
export interface Watchers {
  readonly fromClient: (chunk: Buffer) => void;
  readonly fromServer: (chunk: Buffer) => void;
  /** Resolves when more of the client may be taken; undefined while there is room. */
  readonly room: () => Promise<void> | undefined;
}

/** Begins to pass bytes; resolves when either side has ended or a watcher threw. Both streams stay the caller's to end. */
export function relay(client: Duplex, server: Duplex, watchers: Watchers): Promise<RelayEnd> {
  return new Promise((resolve) => {
    const done = (end: RelayEnd) => {
      client.off("data", up);
      server.off("data", down);
      client.pause();
      server.pause();
      resolve(end);
    };
    const guarded = (watch: (chunk: Buffer) => void, chunk: Buffer): boolean => {
      try {
        watch(chunk);
        return true;
      } catch (error) {
        done({ error });
        return false;
      }
    };
    const up = (chunk: Buffer) => {
      if (!guarded(watchers.fromClient, chunk)) return;
      if (!server.write(chunk)) client.pause();
      const room = watchers.room();
      if (room === undefined) return;
      client.pause();
      void room.then(() => client.resume());
    };
    const down = (chunk: Buffer) => {
      if (guarded(watchers.fromServer, chunk) && !client.write(chunk)) server.pause();
    };
    server.on("drain", () => client.resume());
    client.on("drain", () => server.resume());
    for (const [stream, by] of [
      [client, "client"],
      [server, "server"],
    ] as const) {
      stream.once("end", () => done({ by }));
      stream.once("close", () => done({ by }));
    }
    client.on("data", up);
    server.on("data", down);
  });
}
