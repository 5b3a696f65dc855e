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
    let crowded = false;
    const done = (end: RelayEnd) => {
      client.off("data", up);
      server.off("data", down);
      client.pause();
      server.pause();
      resolve(end);
    };
    const passOn = (watch: (chunk: Buffer) => void, chunk: Buffer, to: Duplex): boolean => {
      try {
        watch(chunk);
        return to.write(chunk);
      } catch (error) {
        done({ error });
        return false;
      }
    };
    const takeMore = () => {
      if (!crowded && !server.writableNeedDrain) client.resume();
    };
    const up = (chunk: Buffer) => {
      if (!passOn(watchers.fromClient, chunk, server)) client.pause();
      const room = watchers.room();
      if (room === undefined) return;
      crowded = true;
      client.pause();
      void room.then(() => {
        crowded = false;
        takeMore();
      });
    };
    const down = (chunk: Buffer) => {
      if (!passOn(watchers.fromServer, chunk, client)) server.pause();
    };
    server.on("drain", takeMore);
    client.on("drain", () => server.resume());
    for (const [stream, by] of [
      [client, "client"],
      [server, "server"],
    ] as const) {
      // One that has gone already says so no more.
      if (stream.destroyed) done({ by });
      stream.once("end", () => done({ by }));
      stream.once("close", () => done({ by }));
    }
    client.on("data", up);
    server.on("data", down);
  });
}

const lingerMs = 2000;

/** Ends a stream once what was written has gone out; one that does not take it is ended all the same. */
export function endSoon(stream: Duplex): void {
  if (stream.destroyed) return;
  stream.end();
  stream.resume();
  setTimeout(() => stream.destroy(), lingerMs).unref();
}

/** Time for the last words of a session that is cut: a client that does not take them loses them. */
const lastWordsMs = 100;

/** Says the last words of a session and ends the stream, within a tenth of a second. */
export function endWith(stream: Duplex, lastWords: Uint8Array | undefined): void {
  if (lastWords === undefined) stream.end();
  else stream.end(lastWords);
  setTimeout(() => stream.destroy(), lastWordsMs).unref();
}
