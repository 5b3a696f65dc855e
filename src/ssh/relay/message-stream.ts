/**
 * SSH messages over a byte stream between two processes of one user: four bytes of length, then the message. Message
 * number 0, which SSH does not use, ends the connection and tells why.
 */
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { buffer, discard } from "#base/bytes.ts";
import { Fault, isFaultCode } from "#base/fault.ts";
import { lengthBytes, PacketAssembler } from "../transport/packet-assembler.ts";
import { WriteGatherer } from "../transport/write-gatherer.ts";

/** What a {@link MessageStream} tells its owner. `message` may throw; that comes back as `ended`. */
export interface MessageSink {
  /** `payload` is the owner's to keep, alone in its memory. */
  message(number: number, payload: Uint8Array): void;
  /** Messages can be written again. */
  drained(): void;
  /** Called once, unless the owner closed the stream: why no more messages come. */
  ended(fault: Fault): void;
}

const endNumber = 0;

/** One end of the byte stream. */
export class MessageStream {
  readonly #socket: Duplex;
  readonly #sink: MessageSink;
  readonly #assembler = new PacketAssembler(1);
  readonly #gatherer: WriteGatherer;
  #held: Uint8Array[] | undefined;
  #closed = false;

  constructor(socket: Duplex, sink: MessageSink) {
    this.#socket = socket;
    this.#sink = sink;
    this.#gatherer = new WriteGatherer(socket);
    const lost = () => this.#end(new Fault("unavailable", "the SSH connection was lost"));
    socket.on("data", (chunk: Uint8Array) => this.#feed(chunk));
    socket.on("drain", () => sink.drained());
    socket.on("error", lost);
    socket.on("end", lost);
    socket.on("close", lost);
  }

  /** True while more messages may be produced. */
  get writable(): boolean {
    return !this.#closed && this.#gatherer.writable;
  }

  /** Writes the message `head` followed by `data`. */
  write(head: Uint8Array, data?: Uint8Array): void {
    if (this.#closed) return;
    const length = head.length + (data?.length ?? 0);
    const room = buffer(this.#gatherer.room(lengthBytes + length));
    room.writeUInt32BE(length, 0);
    room.set(head, lengthBytes);
    if (data !== undefined) room.set(data, lengthBytes + head.length);
  }

  /** Hands out no message until {@link release}. */
  hold(): void {
    if (this.#held !== undefined) return;
    this.#held = [];
    this.#socket.pause();
  }

  release(): void {
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    for (const chunk of held) this.#feed(chunk);
    if (this.#held === undefined) this.#socket.resume();
  }

  /** Sends what was written, tells the other end why this is the end, and closes. Nothing is handed out any more. */
  close({ code, message }: Fault): void {
    if (this.#closed) return;
    this.write(Uint8Array.of(endNumber), Buffer.from(JSON.stringify({ code, message })));
    this.#gatherer.flush();
    this.#closed = true;
    this.#socket.end();
    // The other end may have more to say, which nobody wants to hear.
    this.#socket.resume();
  }

  #feed(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length && !this.#closed) {
      if (this.#held !== undefined) {
        this.#held.push(chunk.subarray(at));
        return;
      }
      try {
        const packet = this.#assembler.take(chunk, at);
        at += this.#assembler.consumed;
        if (packet !== undefined) this.#receive(packet.subarray(lengthBytes));
      } catch (error) {
        this.#fail(error);
      }
    }
    // A stream in memory passed on what somebody else may still hold.
    if (this.#socket instanceof Socket) discard(chunk);
  }

  #receive(payload: Uint8Array): void {
    const number = payload[0] ?? endNumber;
    if (number === endNumber) this.#end(parseEnd(payload.subarray(1)));
    else this.#sink.message(number, this.#assembler.copied ? payload : Uint8Array.from(payload));
  }

  #fail(error: unknown): void {
    const fault =
      error instanceof Fault
        ? error
        : new Fault("internal", "the SSH connection failed", { cause: error });
    const ended = this.#closed;
    this.close(fault);
    if (!ended) this.#sink.ended(fault);
  }

  #end(fault: Fault): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.destroy();
    this.#sink.ended(fault);
  }
}

function parseEnd(bytes: Uint8Array): Fault {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    const { code, message } = Object(JSON.parse(text)) as Record<string, unknown>;
    if (typeof code === "string" && isFaultCode(code) && typeof message === "string") {
      return new Fault(code, message);
    }
  } catch {
    // Told below: whatever it is, it is no reason.
  }
  return new Fault("malformed", "the SSH connection ended without a reason");
}
