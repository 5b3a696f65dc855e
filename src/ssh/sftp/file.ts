/**
 * An open file on an SFTP server. Whole-file transfers keep many requests on the way, so that the distance to
 * the server costs nothing but the first answer.
 */
import { Fault } from "#base/fault.ts";
import type { FileAttributes } from "./attributes.ts";
import type { TransferSizes } from "./limits.ts";
import { attrs, close, data, fsetstat, fstat, read, status, write } from "./messages.ts";
import type { SftpRequests } from "./requests.ts";
import { statusEof, statusFault, statusOk } from "./status.ts";

/** Requests on the way: about two channel windows, and never more than this many. */
const depth = { bytes: 4 * 1024 * 1024, requests: 64 };

/** One open file. Close it. */
export class SftpFile {
  readonly #requests: SftpRequests;
  readonly #path: string;
  readonly #handle: Uint8Array;
  readonly #sizes: TransferSizes;

  constructor(requests: SftpRequests, path: string, handle: Uint8Array, sizes: TransferSizes) {
    this.#sizes = sizes;
    this.#requests = requests;
    this.#path = path;
    this.#handle = handle;
  }

  /** Reads up to `length` bytes at `offset`; undefined at the end of the file. May give less than asked for. */
  async read(offset: bigint, length: number): Promise<Uint8Array | undefined> {
    const answer = await this.#requests.send(read, { handle: this.#handle, offset, length });
    if (answer[0] === status.number) {
      const { code, message } = status.decode(answer);
      if (code === statusEof) return undefined;
      throw statusFault(`cannot read ${this.#path}`, code, message);
    }
    const bytes = data.decode(answer).data;
    if (bytes.length > length || bytes.length === 0) {
      throw new Fault("malformed", "the SFTP server answers a read with a wrong length");
    }
    return bytes;
  }

  /** Writes at `offset`. */
  async write(offset: bigint, bytes: Uint8Array): Promise<void> {
    const { length } = bytes;
    const head = { handle: this.#handle, offset, length };
    const answer = await this.#requests.send(write, head, bytes);
    this.#assertOk(answer, "write to");
  }

  /** The whole content, in order, from `offset` on. */
  async *content(offset = 0n): AsyncGenerator<Uint8Array, void> {
    const waiting: Promise<Uint8Array>[] = [];
    const { read: size } = this.#sizes;
    const most = depthOf(size);
    let next = offset;
    let ahead = 1;
    try {
      for (;;) {
        while (waiting.length < ahead) {
          const full = this.#readFull(next, size);
          // Failures are reported when their turn comes.
          full.catch(() => {});
          waiting.push(full);
          next += BigInt(size);
        }
        const bytes = await waiting.shift();
        if (bytes === undefined || bytes.length === 0) return;
        yield bytes;
        if (bytes.length < size) return;
        ahead = Math.min(ahead + 1, most);
      }
    } finally {
      await Promise.allSettled(waiting);
    }
  }

  /** Writes everything that `source` gives, from `offset` on. Resolves to the number of bytes once all is stored. */
  async writeAll(source: AsyncIterable<Uint8Array>, offset = 0n): Promise<bigint> {
    const waiting: Promise<void>[] = [];
    const { write: size } = this.#sizes;
    const most = depthOf(size);
    let next = offset;
    try {
      for await (const bytes of source) {
        for (let at = 0; at < bytes.length; at += size) {
          const part = bytes.subarray(at, at + size);
          const written = this.write(next, part);
          written.catch(() => {});
          waiting.push(written);
          next += BigInt(part.length);
          if (waiting.length >= most) await waiting.shift();
        }
      }
      for (const written of waiting) await written;
    } finally {
      await Promise.allSettled(waiting);
    }
    return next - offset;
  }

  async stat(): Promise<FileAttributes> {
    const answer = await this.#requests.send(fstat, { handle: this.#handle });
    if (answer[0] === status.number) this.#assertOk(answer, "read the attributes of");
    return attrs.decode(answer).attributes;
  }

  async setstat(attributes: FileAttributes): Promise<void> {
    const answer = await this.#requests.send(fsetstat, { handle: this.#handle, attributes });
    this.#assertOk(answer, "set the attributes of");
  }

  async close(): Promise<void> {
    this.#assertOk(await this.#requests.send(close, { handle: this.#handle }), "close");
  }

  /** Exactly `length` bytes, less only at the end of the file. */
  async #readFull(offset: bigint, length: number): Promise<Uint8Array> {
    const first = (await this.read(offset, length)) ?? new Uint8Array(0);
    if (first.length === length || first.length === 0) return first;
    const whole = new Uint8Array(length);
    whole.set(first);
    let filled = first.length;
    while (filled < length) {
      const more = await this.read(offset + BigInt(filled), length - filled);
      if (more === undefined) break;
      whole.set(more, filled);
      filled += more.length;
    }
    return whole.subarray(0, filled);
  }

  #assertOk(answer: Uint8Array, what: string): void {
    const { code, message } = status.decode(answer);
    if (code !== statusOk) throw statusFault(`cannot ${what} ${this.#path}`, code, message);
  }
}

function depthOf(size: number): number {
  return Math.min(Math.ceil(depth.bytes / size), depth.requests);
}
