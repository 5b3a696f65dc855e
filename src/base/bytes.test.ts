import assert from "node:assert/strict";
import { test } from "node:test";
import { discard } from "#base/bytes.ts";

test("discarded memory is gone for every view of it", () => {
  const bytes = Buffer.allocUnsafeSlow(100);
  const view = bytes.subarray(10);
  discard(bytes);
  assert.equal(bytes.length, 0);
  assert.equal(view.length, 0);
});

test("a part of something larger is left alone: its memory is somebody else's too", () => {
  const pooled = Buffer.from("from the runtime's shared pool");
  assert.ok(pooled.buffer.byteLength > pooled.length);
  discard(pooled);
  assert.equal(pooled.toString(), "from the runtime's shared pool");
  const whole = new Uint8Array(100);
  discard(whole.subarray(1));
  discard(whole.subarray(0, 99));
  assert.equal(whole.length, 100);
});

test("framing goes with what it frames, and never more than that", () => {
  const message = new Uint8Array(110);
  discard(message.subarray(4, 104), 9);
  assert.equal(message.length, 110);
  discard(message.subarray(4, 104), 10);
  assert.equal(message.length, 0);
});
