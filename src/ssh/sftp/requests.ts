/** Requests of SFTP and their answers over one channel: ids, framing, and who waits for what. */
import type { Duplex } from "node:stream";
import { Fault } from "#base/fault.ts";
import type { Message } from "../layout.ts";
import { PacketAssembler } from "../transport/packet-assembler.ts";
import { Reader, Writer } from "../wire.ts";
import {
  defaultSizes,
  limitsExtension,
  offersLimits,
  sizesOf,
  type TransferSizes,
} from "./limits.ts";
import { extended, extendedReply, init, status, version } from "./messages.ts";

const protocolVersion = 3;
const lengthBytes = 4;

/** Sends requests and gives each its answer, in whatever order the answers come. */
export class SftpRequests {
  readonly #channel: Duplex;
  readonly #assembler = new PacketAssembler();
  readonly #waiting = new Map<number, PromiseWithResolvers<Uint8Array>>();
  readonly #started = Promise.withResolvers<void>();
  #version: number | undefined;
  #hasLimits = false;
  #sizes: Promise<TransferSizes> | undefined;
  #nextId = 0;
  #fault: Fault | undefined;

  constructor(channel: Duplex) {
    this.#channel = channel;
    this.#started.promise.catch(() => {});
    channel.on("data", (chunk: Uint8Array) => this.#receive(chunk));
    channel.on("error", (cause) => this.#fail(ended(cause)));
    channel.on("end", () => this.#fail(ended()));
    channel.on("close", () => this.#fail(ended()));
    channel.write(frame(init.encode({ version: protocolVersion })));
  }

  /** Resolves once both sides speak version 3. */
  get started(): Promise<void> {
    return this.#started.promise;
  }

  /** How much a request may carry. Asks the server, where it can be asked. */
  sizes(): Promise<TransferSizes> {
    this.#sizes ??= this.#askSizes();
    return this.#sizes;
  }

  /**
   * Sends a request, whose last field `data` is when it is given, and resolves to the encoded answer. Rejects if the channel
   * ends before.
   */
  async send<T extends { readonly id: number }>(
    request: Message<T>,
    fields: Omit<T, "id">,
    data?: Uint8Array,
  ): Promise<Uint8Array> {
    await this.#started.promise;
    if (this.#fault !== undefined) throw this.#fault;
    const id = this.#nextId;
    this.#nextId = (id + 1) >>> 0;
    const answer = Promise.withResolvers<Uint8Array>();
    this.#waiting.set(id, answer);
    const packet = request.encode({ ...fields, id } as unknown as T);
    this.#channel.write(frame(packet, data?.length));
    if (data !== undefined) this.#channel.write(data);
    return answer.promise;
  }

  async #askSizes(): Promise<TransferSizes> {
    await this.#started.promise;
    if (!this.#hasLimits) return defaultSizes;
    const answer = await this.send(extended, { name: limitsExtension, payload: new Uint8Array(0) });
    if (answer[0] === status.number) return defaultSizes;
    return sizesOf(extendedReply.decode(answer).payload);
  }

  #receive(chunk: Uint8Array): void {
    try {
      for (let at = 0; at < chunk.length && this.#fault === undefined; ) {
        const packet = this.#assembler.take(chunk, at);
        at += this.#assembler.consumed;
        if (packet !== undefined) this.#deliver(packet.subarray(lengthBytes));
      }
    } catch (error) {
      this.#fail(error);
      this.#channel.destroy();
    }
  }

  #deliver(packet: Uint8Array): void {
    if (this.#version === undefined) {
      const { version: number, extensions } = version.decode(packet);
      this.#version = number;
      if (this.#version !== protocolVersion) {
        throw new Fault("unimplemented", "the SFTP server does not speak version 3");
      }
      this.#hasLimits = offersLimits(extensions);
      this.#started.resolve();
      return;
    }
    const id = new Reader(packet, 1).uint32();
    const answer = this.#waiting.get(id);
    if (answer === undefined) throw new Fault("malformed", "an SFTP answer comes to no request");
    this.#waiting.delete(id);
    answer.resolve(packet);
  }

  #fail(error: unknown): void {
    this.#fault ??= error instanceof Fault ? error : ended(error);
    this.#started.reject(this.#fault);
    for (const { reject } of this.#waiting.values()) reject(this.#fault);
    this.#waiting.clear();
  }
}

/** A packet with its length in front, which counts `more` bytes that follow. */
function frame(packet: Uint8Array, more = 0): Uint8Array {
  const writer = new Writer(lengthBytes + packet.length);
  return writer
    .uint32(packet.length + more)
    .bytes(packet)
    .done();
}

function ended(cause?: unknown): Fault {
  return new Fault("unavailable", "the SFTP session has ended", { cause });
}
