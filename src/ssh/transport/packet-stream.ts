/**
 * Packets over a byte stream (RFC 4253 section 6): version line, framing, encryption and sequence numbers. It
 * knows neither what messages mean nor how keys are agreed.
 */
import type { Duplex } from "node:stream";
import { discard } from "#base/bytes.ts";
import { Fault } from "#base/fault.ts";
import type { Random } from "#base/random.ts";
import { lengthBytes, PacketAssembler } from "./packet-assembler.ts";
import { type PacketCipher, tagLength } from "./packet-cipher.ts";
import { VersionReader } from "./version.ts";
import { WriteGatherer } from "./write-gatherer.ts";

/** What a {@link PacketStream} tells its owner. `packet` and `version` may throw; that comes back as `failed`. */
export interface PacketSink {
  version(line: string): void;
  /** `payload` is the owner's to keep. */
  packet(payload: Uint8Array): void;
  /** Bytes can be written again. */
  drained(): void;
  failed(error: unknown): void;
  /** The stream has ended. */
  ended(): void;
}

/** A peer that asks and never reads the answers is cut off above this much unsent. */
const unsentLimit = 8 * 1024 * 1024;
const blockSize = { plain: 8, sealed: 16 };
const minPadding = 4;

// Sealing copies out of it before anything else runs, so every connection can share one.
let scratch = Buffer.allocUnsafeSlow(65_536);

/** One connection's packets, both directions. */
export class PacketStream {
  /** Bytes in both directions since the last new keys. */
  bytes = 0;
  readonly #socket: Duplex;
  readonly #sink: PacketSink;
  readonly #random: Random;
  readonly #assembler = new PacketAssembler();
  readonly #gatherer: WriteGatherer;
  #version: VersionReader | undefined;
  #sealer: PacketCipher | undefined;
  #opener: PacketCipher | undefined;
  #received = 0;
  #held: Uint8Array[] | undefined;
  #closed = false;

  constructor(socket: Duplex, role: "client" | "server", random: Random, sink: PacketSink) {
    this.#socket = socket;
    this.#gatherer = new WriteGatherer(socket);
    this.#sink = sink;
    this.#random = random;
    this.#version = new VersionReader(role);
    socket.on("data", (chunk: Uint8Array) => this.#feed(chunk));
    socket.on("drain", () => sink.drained());
    socket.on("error", (cause) => this.#fail(connectionLost(cause)));
    socket.on("end", () => this.#end());
    socket.on("close", () => this.#end());
  }

  /** True while more data may be produced. */
  get writable(): boolean {
    return !this.#closed && this.#gatherer.writable;
  }

  /** How many packets came since the last reset; the current one included. */
  get received(): number {
    return this.#received;
  }

  writeVersion(line: string): void {
    this.#socket.write(`${line}\r\n`);
  }

  /** Writes one packet whose payload is `head` followed by `data`. */
  write(head: Uint8Array, data?: Uint8Array): void {
    if (this.#closed) return;
    if (this.#socket.writableLength > unsentLimit) {
      throw new Fault("limit", "the SSH peer does not read what it asks for");
    }
    const sealer = this.#sealer;
    const size = frameSize(head.length + (data?.length ?? 0), sealer !== undefined);
    // First: it may write, and who reads that may write packets of its own through the same scratch buffer.
    const room = this.#gatherer.room(size + (sealer === undefined ? 0 : tagLength));
    const packet = this.#frame(size, head, data);
    if (sealer === undefined) room.set(packet);
    else sealer.seal(packet, room);
    this.bytes += packet.length;
  }

  /** Encrypts from the next written packet on. */
  setSealer(cipher: PacketCipher): void {
    this.#sealer = cipher;
  }

  /** Decrypts from the next read packet on. */
  setOpener(cipher: PacketCipher): void {
    this.#opener = cipher;
    this.#assembler.trailer = tagLength;
  }

  /** Starts the count of incoming packets anew (strict key exchange). */
  resetReceived(): void {
    this.#received = 0;
  }

  /** Hands out no packet until {@link release}. */
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

  /** Sends what was written and closes. Nothing is handed out any more. */
  close(): void {
    this.#gatherer.flush();
    this.#closed = true;
    this.#socket.end();
  }

  /** Drops the byte stream at once. */
  destroy(): void {
    this.#closed = true;
    this.#socket.destroy();
  }

  #feed(chunk: Uint8Array): void {
    if (this.#closed) return;
    if (this.#held !== undefined) {
      this.#held.push(chunk);
      return;
    }
    try {
      const at = this.#version === undefined ? 0 : this.#readVersion(this.#version, chunk);
      this.#readPackets(chunk, at);
    } catch (error) {
      this.#fail(error);
    }
  }

  #readVersion(reader: VersionReader, chunk: Uint8Array): number {
    const found = reader.read(chunk);
    if (found === undefined) return chunk.length;
    this.#version = undefined;
    this.#sink.version(found.version);
    return found.consumed;
  }

  #readPackets(chunk: Uint8Array, start: number): void {
    let at = start;
    while (at < chunk.length && !this.#closed) {
      if (this.#held !== undefined) {
        this.#held.push(chunk.subarray(at));
        return;
      }
      const packet = this.#assembler.take(chunk, at);
      at += this.#assembler.consumed;
      if (packet !== undefined) this.#open(packet);
    }
  }

  #open(packet: Uint8Array): void {
    const body = this.#opener?.open(packet) ?? Uint8Array.from(packet.subarray(lengthBytes));
    const padding = body[0] ?? 0;
    if (padding < minPadding || padding + 1 >= body.length) {
      throw new Fault("malformed", "the padding of an SSH packet is wrong");
    }
    this.bytes += packet.length;
    if (this.#assembler.copied) discard(packet);
    this.#received = (this.#received + 1) >>> 0;
    this.#sink.packet(body.subarray(1, body.length - padding));
  }

  /** Length, padding length, payload and padding in the shared scratch buffer. */
  #frame(size: number, head: Uint8Array, data: Uint8Array | undefined): Uint8Array {
    if (size > scratch.length) scratch = Buffer.allocUnsafeSlow(size);
    const padding = size - lengthBytes - 1 - head.length - (data?.length ?? 0);
    scratch.writeUInt32BE(size - lengthBytes, 0);
    scratch[lengthBytes] = padding;
    scratch.set(head, lengthBytes + 1);
    if (data !== undefined) scratch.set(data, lengthBytes + 1 + head.length);
    // Under AES-GCM nobody sees the padding; before that it should be random (RFC 4253 section 6).
    if (this.#sealer !== undefined) scratch.fill(0, size - padding, size);
    else scratch.set(this.#random(padding), size - padding);
    return scratch.subarray(0, size);
  }

  #fail(error: unknown): void {
    if (!this.#closed) this.#sink.failed(error);
  }

  #end(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#sink.ended();
  }
}

/** The bytes of a packet without its tag. The length field counts towards the block only in the open (RFC 5647 section 7.2). */
function frameSize(payload: number, sealed: boolean): number {
  const block = sealed ? blockSize.sealed : blockSize.plain;
  const counted = 1 + payload + (sealed ? 0 : lengthBytes);
  let padding = block - (counted % block);
  if (padding < minPadding) padding += block;
  return lengthBytes + 1 + payload + padding;
}

function connectionLost(cause: unknown): Fault {
  return new Fault("unavailable", "the SSH connection was lost", { cause });
}
