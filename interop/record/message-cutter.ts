/** Cuts a stream of bytes into gRPC messages (gRPC over HTTP/2, "Length-Prefixed-Message"). */

/** Compression flag and length. */
const prefixBytes = 5;

/** One direction of one call. */
export class MessageCutter {
  readonly #deliver: (message: Uint8Array) => void;
  #pending = Buffer.alloc(0);

  constructor(deliver: (message: Uint8Array) => void) {
    this.#deliver = deliver;
  }

  push(bytes: Uint8Array): void {
    this.#pending = Buffer.concat([this.#pending, bytes]);
    while (this.#pending.length >= prefixBytes) {
      const end = prefixBytes + this.#pending.readUInt32BE(1);
      if (this.#pending.length < end) return;
      this.#deliver(new Uint8Array(this.#pending.subarray(prefixBytes, end)));
      this.#pending = this.#pending.subarray(end);
    }
  }
}
