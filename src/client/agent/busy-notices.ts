/** Who is told when the TPM keeps the agent waiting: every caller whose request is under way meanwhile. */
import type { OnTpmBusy } from "../device/tpm-busy.ts";

/** Passes the notices of one login's device on to those who listen. */
export class BusyNotices {
  /** Waits that go on: two connections to the TPM may wait at once. */
  #waits = 0;
  readonly #listeners = new Set<OnTpmBusy>();

  /** Told by the device; with false once for each true. */
  readonly tell: OnTpmBusy = (busy) => {
    const before = this.#waits > 0;
    this.#waits += busy ? 1 : -1;
    const now = this.#waits > 0;
    if (now === before) return;
    for (const listener of this.#listeners) listener(now);
  };

  /** Tells the listener, at once if there is a wait now, until the returned function is called. */
  listen(listener: OnTpmBusy): () => void {
    this.#listeners.add(listener);
    if (this.#waits > 0) listener(true);
    return () => void this.#listeners.delete(listener);
  }
}
