/**
 * Frames of the person's agent and of the tunnel's opening: a big-endian length and that many bytes of JSON. Reading
 * takes exactly the frame off the stream, so what follows it belongs to whoever reads next.
 */
import type { Duplex } from "node:stream";
import { Fault } from "#base/fault.ts";

/** Bytes of the length field: 2 for the proxy's tunnel, 4 for the agent. */
export type LengthBytes = 2 | 4;

/** Encodes one frame. Throws `limit` when the value is too large for the length field. */
export function encodeFrame(value: unknown, lengthBytes: LengthBytes): Buffer {
  const body = Buffer.from(JSON.stringify(value), "utf8");
  if (body.length >= 2 ** (8 * lengthBytes)) {
    throw new Fault("limit", "the message is too large");
  }
  const frame = Buffer.alloc(lengthBytes + body.length);
  frame.writeUIntBE(body.length, 0, lengthBytes);
  body.copy(frame, lengthBytes);
  return frame;
}

/**
 * Reads one frame of at most `limit` bytes from a paused stream. Throws `malformed` for an oversized frame or one
 * that is not JSON, and `unavailable` when the stream ends or fails before the frame is whole.
 */
export async function readFrame(
  stream: Duplex,
  lengthBytes: LengthBytes,
  limit: number,
): Promise<unknown> {
  const head = await readBytes(stream, lengthBytes);
  const length = head.readUIntBE(0, lengthBytes);
  if (length > limit) throw new Fault("malformed", "the peer sent an oversized message");
  const body = length === 0 ? Buffer.alloc(0) : await readBytes(stream, length);
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch (cause) {
    throw new Fault("malformed", "the peer sent a message that is not JSON", { cause });
  }
}

/** Takes exactly `length` bytes; the rest stays in the buffer. Throws `unavailable` when the stream ends before. */
export function readBytes(stream: Duplex, length: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let missing = length;
    const finish = (outcome: () => void) => {
      stream.off("readable", take);
      stream.off("end", ended);
      stream.off("close", ended);
      stream.off("error", failed);
      outcome();
    };
    const ended = () =>
      finish(() => reject(new Fault("unavailable", "the peer closed the connection")));
    const failed = (cause: Error) =>
      finish(() => reject(new Fault("unavailable", "the connection failed", { cause })));
    const take = () => {
      while (missing > 0) {
        // A large message arrives in pieces that the buffer never holds at once: take what is there.
        const available = Math.min(missing, stream.readableLength);
        const chunk = available === 0 ? null : (stream.read(available) as Buffer | null);
        if (chunk === null) {
          // Asking for nothing keeps the stream filling its buffer.
          stream.read(0);
          return;
        }
        chunks.push(chunk);
        missing -= chunk.length;
      }
      finish(() => resolve(Buffer.concat(chunks)));
    };
    if (stream.destroyed || stream.readableEnded) return ended();
    stream.on("readable", take);
    stream.once("end", ended);
    stream.once("close", ended);
    stream.once("error", failed);
    take();
  });
}
