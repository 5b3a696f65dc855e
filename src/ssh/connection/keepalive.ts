/** Noticing that a peer is gone although the byte stream has not said so. */
import type { StartTimer } from "../timer.ts";

/** How often to ask, and how many questions may stay without an answer. */
export interface KeepaliveSettings {
  readonly intervalMs: number;
  readonly maxMissed: number;
}

/** Something that can be asked and given up: a server or client connection. */
export interface KeepalivePeer {
  ping(): Promise<void>;
  close(description?: string): void;
  readonly closed: Promise<unknown>;
}

/**
 * Asks the peer in every interval, and closes the connection once `maxMissed` questions in a row have no
 * answer. Ends with the connection.
 */
export function startKeepalive(
  peer: KeepalivePeer,
  { intervalMs, maxMissed }: KeepaliveSettings,
  startTimer: StartTimer,
): void {
  let missed = 0;
  let cancel = (): void => {};
  const ask = (): void => {
    if (missed >= maxMissed) {
      peer.close("no answer to keepalives");
      return;
    }
    missed++;
    peer
      .ping()
      .then(() => {
        missed = 0;
      })
      .catch(() => peer.close());
    cancel = startTimer(intervalMs, ask);
  };
  cancel = startTimer(intervalMs, ask);
  void peer.closed.then(() => cancel());
}
