/** A byte stream inside the binary messages of a WebSocket (RFC 6455). Text is no part of it and ends the connection. */
import { Duplex } from "node:stream";
import type { WebSocket } from "ws";
import { Fault } from "#base/fault.ts";

/** The longest message that is sent; longer writes are cut. */
const longestMessage = 64 * 1024;
/** Longer messages of a peer end the connection: for the `maxPayload` of the socket. */
export const longestPayload = 256 * 1024;

const unsupportedData = 1003;

/** The stream of an open WebSocket, which it owns. */
export class WebSocketStream extends Duplex {
  readonly #socket: WebSocket;

  constructor(socket: WebSocket) {
    super({ allowHalfOpen: false });
    this.#socket = socket;
    socket.binaryType = "nodebuffer";
    socket.on("message", (data, isBinary) => {
      if (!isBinary) socket.close(unsupportedData);
      else if (!this.push(data)) socket.pause();
    });
    socket.once("close", () => this.push(null));
    socket.once("error", () => this.destroy());
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    if (this.#socket.readyState !== this.#socket.OPEN) {
      done(new Fault("unavailable", "the connection through the balancer is closed"));
      return;
    }
    for (let at = 0; at < chunk.length; at += longestMessage) {
      const last = at + longestMessage >= chunk.length;
      const sent = last ? (error?: Error) => done(error) : undefined;
      this.#socket.send(chunk.subarray(at, at + longestMessage), { binary: true }, sent);
    }
    if (chunk.length === 0) done();
  }

  override _final(done: () => void): void {
    this.#socket.close();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.terminate();
    done(error);
  }
}
