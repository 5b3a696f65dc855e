/** Where frames of a WebSocket end, however they come in pieces, and the frames that we write (RFC 6455 section 5.2). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { closeFrame, FrameBoundary, messageFrame } from "./web-socket.ts";

/** Where, after how many bytes, another frame may stand. */
function boundaries(bytes: Uint8Array): number[] {
  const boundary = new FrameBoundary();
  return [...bytes].flatMap((byte, index) => {
    boundary.pass(Uint8Array.of(byte));
    return boundary.isBetweenFrames ? [index + 1] : [];
  });
}

test("our own frames end where they end", () => {
  const short = messageFrame(Buffer.from("abc"));
  const long = messageFrame(Buffer.alloc(70_000 & 0xffff, 1));
  assert.deepEqual(boundaries(short), [5]);
  assert.deepEqual(boundaries(long), [long.length]);
  assert.deepEqual(boundaries(closeFrame()), [4]);
});

test("a message of several frames is not left before its last, whatever control frame comes between", () => {
  const bytes = Buffer.from("0201" + "61" + "8900" + "8001" + "62", "hex");
  assert.deepEqual(boundaries(bytes), [bytes.length]);
});

test("lengths of eight bytes, and masks, are passed over", () => {
  const head = Buffer.from("82ff0000000000000003" + "01020304", "hex");
  assert.deepEqual(boundaries(Buffer.concat([head, Buffer.from("abc")])), [17]);
});

test("whole chunks and single bytes lead to the same place", () => {
  const bytes = Buffer.concat([messageFrame(Buffer.alloc(300)), messageFrame(Buffer.from("x"))]);
  const boundary = new FrameBoundary();
  boundary.pass(bytes);
  assert.ok(boundary.isBetweenFrames);
  boundary.pass(bytes.subarray(0, 100));
  assert.ok(!boundary.isBetweenFrames);
});
