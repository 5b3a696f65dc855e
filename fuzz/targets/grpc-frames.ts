/** gRPC's length-prefixed messages, the frames of the transport service, and the texts in gRPC headers. */
import assert from "node:assert/strict";
import { decodeFrame, encodeFrameHeader } from "#api/frame-codec.ts";
import { encodePrefix, MessageReader } from "#api/grpc/message-reader.ts";
import { decodeStatus, decodeText, encodeText, faultOfStatus } from "#api/grpc/status.ts";
import { parseTimeout } from "#api/grpc/timeout.ts";
import { concat, sameBytes, utf8 } from "#base/bytes.ts";
import { isFault } from "#base/fault.ts";
import { type Target, textOf } from "../target.ts";

/** The first byte chooses the parser. */
export const grpcFrames: Target = {
  name: "grpc-frames",
  maxLength: 70_000,
  dictionary: [
    "%41",
    "%zz",
    "%",
    "99999999H",
    "grpc-status",
    "constructor",
    Uint8Array.of(0x0a, 0xff),
  ],
  open: () => ({
    seeds: [
      concat(
        Uint8Array.of(0),
        encodePrefix(3),
        utf8("abc"),
        encodePrefix(0),
        encodePrefix(1),
        utf8("x"),
      ),
      concat(Uint8Array.of(1), encodeFrameHeader(2, 3).subarray(5), utf8("abc")),
      concat(Uint8Array.of(2), utf8("7\nno%20such%C3%BC\nhint\naccess-denied")),
      concat(Uint8Array.of(3), utf8("30S")),
    ],
    run(input) {
      const body = input.subarray(1);
      const judges = [judgeMessages, judgeFrame, judgeStatus, judgeTimeout];
      return judges[(input[0] ?? 0) % 4]?.(body) ?? "";
    },
  }),
};

function judgeMessages(body: Uint8Array): string {
  const whole = readAll([body]);
  const bytes = readAll([...body].map((byte) => Uint8Array.of(byte)));
  assert.equal(bytes, whole, "messages depend on the chunks");
  return whole.slice(0, 40);
}

function readAll(chunks: readonly Uint8Array[]): string {
  const reader = new MessageReader(4096);
  const lengths: number[] = [];
  try {
    for (const chunk of chunks) {
      reader.push(chunk);
      for (let next = reader.poll(); next !== undefined; next = reader.poll()) {
        lengths.push(next.length);
      }
    }
  } catch (error) {
    if (!isFault(error)) throw error;
    return `${lengths.join()} ${error.code}`;
  }
  return `${lengths.join()} ${reader.atBoundary}`;
}

function judgeFrame(body: Uint8Array): string {
  try {
    const payload = decodeFrame(body, 2);
    if (payload === undefined) return "none";
    const again = concat(encodeFrameHeader(2, payload.length).subarray(5), payload);
    const decoded = decodeFrame(again, 2);
    assert.ok(decoded && sameBytes(decoded, payload), "a frame changes on its way");
    return "frame";
  } catch (error) {
    // The status that clients of the public API know for a message that does not decode.
    if (isFault(error, "internal")) return "malformed";
    throw error;
  }
}

function judgeStatus(body: Uint8Array): string {
  const [code, message, hint, fault] = textOf(body).split("\n");
  const status = decodeStatus({
    ...(code === undefined ? {} : { "grpc-status": code }),
    "grpc-message": message,
    "gatehouse-hint": hint,
    "gatehouse-fault": fault,
  });
  assert.ok(status);
  assert.equal(decodeText(encodeText(status.message)), status.message);
  return faultOfStatus(status).code;
}

function judgeTimeout(body: Uint8Array): string {
  const ms = parseTimeout(textOf(body));
  assert.ok(ms >= 0 && Number.isFinite(ms));
  return "timeout";
}
