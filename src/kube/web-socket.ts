/**
 * As much of WebSocket (RFC 6455 section 5.2) as a word of ours between two frames of a server needs: where frames end, and
 * how a server writes one. Frames of messages are not read.
 */

const binary = 0x82;
const close = 0x88;

/** Follows the frames of one direction, as a server sends them. */
export class FrameBoundary {
  /** Bytes of the current frame's payload that are still to come. */
  #payload = 0;
  /** Bytes of a frame's head, until it is whole. */
  #head: number[] = [];
  /** A message of several frames is not over. */
  #isFragmented = false;

  /** True when another frame may stand here. */
  get isBetweenFrames(): boolean {
    return this.#payload === 0 && this.#head.length === 0 && !this.#isFragmented;
  }

  /** Takes the next bytes. */
  pass(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#payload > 0) {
        const taken = Math.min(this.#payload, chunk.length - at);
        this.#payload -= taken;
        at += taken;
        continue;
      }
      this.#head.push(chunk[at++] ?? 0);
      this.#readHead();
    }
  }

  #readHead(): void {
    const [first = 0, second = 0] = this.#head;
    if (this.#head.length < 2) return;
    const short = second & 0x7f;
    const extended = short === 127 ? 8 : short === 126 ? 2 : 0;
    const masked = (second & 0x80) === 0 ? 0 : 4;
    if (this.#head.length < 2 + extended + masked) return;
    const digits = this.#head.slice(2, 2 + extended);
    // A length beyond 2^53 is no boundary that is ever reached.
    this.#payload = extended === 0 ? short : digits.reduce((sum, byte) => sum * 256 + byte, 0);
    this.#head = [];
    const isControl = (first & 0x08) !== 0;
    if (!isControl) this.#isFragmented = (first & 0x80) === 0;
  }
}

/** A binary message, as a server sends it. */
export function messageFrame(payload: Uint8Array): Buffer {
  return frame(binary, payload);
}

/** The end of a connection, as a server sends it: status 1000. */
export function closeFrame(): Buffer {
  return frame(close, Buffer.from([0x03, 0xe8]));
}

function frame(first: number, payload: Uint8Array): Buffer {
  const { length } = payload;
  if (length < 126) return Buffer.concat([Buffer.of(first, length), payload]);
  const head = Buffer.alloc(4);
  head[0] = first;
  head[1] = 126;
  head.writeUInt16BE(length, 2);
  return Buffer.concat([head, payload]);
}
