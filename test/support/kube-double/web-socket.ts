/**
 * The server's end of a WebSocket (RFC 6455) for the double, by hand: the library refuses the subprotocol that kubectl asks
 * for when it forwards ports (`SPDY/3.1+portforward.k8s.io`).
 */
import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { Duplex } from "node:stream";

const magic = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** Answers the handshake with one of the protocols; undefined (and 400) when the client offers none of them. */
export function acceptWebSocket(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  protocols: readonly string[],
): WebSocketPeer | undefined {
  const offered = String(request.headers["sec-websocket-protocol"] ?? "").split(/\s*,\s*/);
  const protocol = protocols.find((name) => offered.includes(name));
  const key = request.headers["sec-websocket-key"];
  if (protocol === undefined || typeof key !== "string") {
    socket.end("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    return undefined;
  }
  const accept = createHash("sha1")
    .update(key + magic)
    .digest("base64");
  const lines = [
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Accept: ${accept}`,
    `Sec-WebSocket-Protocol: ${protocol}`,
  ];
  socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  return new WebSocketPeer(socket, head, protocol);
}

/** An open connection: whole binary messages in and out. */
export class WebSocketPeer {
  readonly protocol: string;
  onMessage: (message: Buffer) => void = () => {};
  onClose: () => void = () => {};
  readonly #socket: Duplex;
  #buffer: Buffer = Buffer.alloc(0);
  #message: Buffer[] = [];
  #closed = false;

  constructor(socket: Duplex, head: Buffer, protocol: string) {
    this.protocol = protocol;
    this.#socket = socket;
    socket.on("error", () => {});
    socket.once("close", () => this.#end());
    setImmediate(() => {
      this.#take(head);
      socket.on("data", (chunk: Buffer) => this.#take(chunk));
    });
  }

  /** Sends a binary message. False when the socket wants a rest; `onDrain` tells when it is over. */
  send(message: Uint8Array): boolean {
    return this.#closed || this.#socket.write(frame(2, message));
  }

  onDrain(listener: () => void): void {
    this.#socket.once("drain", listener);
  }

  close(): void {
    if (this.#closed) return;
    this.#socket.end(frame(8, Buffer.from([3, 232])));
  }

  #end(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.onClose();
  }

  #take(chunk: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, chunk]);
    for (;;) {
      const read = readFrame(this.#buffer);
      if (read === undefined) return;
      this.#buffer = read.rest;
      if (read.opcode === 8) {
        this.close();
        this.#end();
        return;
      }
      if (read.opcode === 9) this.#socket.write(frame(10, read.payload));
      if (read.opcode > 7) continue;
      this.#message.push(read.payload);
      if (!read.last) continue;
      const message = Buffer.concat(this.#message);
      this.#message = [];
      this.onMessage(message);
    }
  }
}

/** The byte stream inside of the binary messages. */
export function streamOf(peer: WebSocketPeer): Duplex {
  const stream = new Duplex({
    read() {},
    write(chunk: Buffer, _, done) {
      if (peer.send(chunk)) done();
      else peer.onDrain(() => done());
    },
    final(done) {
      peer.close();
      done();
    },
  });
  peer.onMessage = (message) => stream.push(message);
  peer.onClose = () => stream.push(null);
  return stream;
}

function frame(opcode: number, payload: Uint8Array): Buffer {
  const size = payload.length;
  const head = Buffer.alloc(size < 126 ? 2 : size < 65_536 ? 4 : 10);
  head[0] = 0x80 | opcode;
  if (size < 126) head[1] = size;
  else if (size < 65_536) {
    head[1] = 126;
    head.writeUInt16BE(size, 2);
  } else {
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(size), 2);
  }
  return Buffer.concat([head, payload]);
}

/** A client's frame is masked; one that is not ends in a wrong message, which tests would see. */
function readFrame(buffer: Buffer) {
  if (buffer.length < 2) return undefined;
  const [first = 0, second = 0] = buffer;
  let at = 2;
  let size = second & 0x7f;
  if (size === 126) {
    if (buffer.length < 4) return undefined;
    size = buffer.readUInt16BE(2);
    at = 4;
  } else if (size === 127) {
    if (buffer.length < 10) return undefined;
    size = Number(buffer.readBigUInt64BE(2));
    at = 10;
  }
  if ((second & 0x80) === 0) throw new Error("a client's frame is not masked");
  if (buffer.length < at + 4 + size) return undefined;
  const mask = buffer.subarray(at, at + 4);
  const payload = Buffer.from(buffer.subarray(at + 4, at + 4 + size));
  for (let i = 0; i < size; i++) payload[i] = (payload[i] ?? 0) ^ (mask[i % 4] ?? 0);
  return {
    opcode: first & 0x0f,
    last: (first & 0x80) !== 0,
    payload,
    rest: buffer.subarray(at + 4 + size),
  };
}
