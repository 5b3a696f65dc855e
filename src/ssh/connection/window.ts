/**
 * Flow control of a channel (RFC 4254 section 5.2): how much the peer may send, and how much we may. Windows
 * reach 2^32 - 1 and are plain numbers, which hold that exactly.
 */
import { Fault } from "#base/fault.ts";

/** What we grant: enough for 200 MB/s over 10 ms. */
export const initialWindow = 2 * 1024 * 1024;
/** What we grant to each channel beyond the first few, so that a peer with many cannot fill our memory. */
export const crowdedWindow = 256 * 1024;
const crowd = 32;
/** The largest data in one message that we take and send (RFC 4253 section 6.1). */
export const maxPacket = 32_768;
const largestWindow = 0xffff_ffff;

/** What to grant to a new channel beside `others`. */
export function windowBeside(others: number): number {
  return others < crowd ? initialWindow : crowdedWindow;
}

/** What the peer may still send. */
export class ReceiveWindow {
  /** What was granted at the start, and is never exceeded. */
  readonly size: number;
  #left: number;

  constructor(size: number) {
    this.size = size;
    this.#left = size;
  }

  /** Counts data that came in. Throws `malformed` if the peer had no right to send so much. */
  take(length: number): void {
    if (length > maxPacket) throw new Fault("malformed", "SSH channel data is larger than agreed");
    if (length > this.#left)
      throw new Fault("malformed", "the SSH peer overran a channel's window");
    this.#left -= length;
  }

  /**
   * How much to grant now, given what still waits to be read: zero until a quarter of the window has been
   * consumed, so that adjustments stay rare and stop when the reader does.
   */
  grant(unread: number): number {
    const due = this.size - this.#left - unread;
    if (due < this.size / 4) return 0;
    this.#left += due;
    return due;
  }
}

/** What we may still send. */
export class SendWindow {
  #left: number;
  readonly #packet: number;

  constructor(window: number, packet: number) {
    this.#left = window;
    this.#packet = Math.min(packet, maxPacket);
  }

  /** How many of `length` bytes may go into one message now. */
  take(length: number): number {
    const part = Math.min(length, this.#left, this.#packet);
    this.#left -= part;
    return part;
  }

  /** Counts a grant of the peer. Throws `malformed` if the window leaves 32 bits. */
  add(bytes: number): void {
    this.#left += bytes;
    if (this.#left > largestWindow) {
      throw new Fault("malformed", "the SSH peer granted more than 4 GiB at once");
    }
  }
}
