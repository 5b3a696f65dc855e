/** Streams with signs of life: what is written on one side is read on the other, whatever frames it comes in. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { duplexPair } from "node:stream";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { PingStream } from "./ping-stream.ts";

test("what is written arrives whole, both ways, and its end with it", async () => {
  const [a, b] = duplexPair();
  const [near, far] = [new PingStream(a), new PingStream(b)];
  const long = "x".repeat(2_500_000);
  near.end(long);
  far.end("short");
  assert.deepEqual([(await text(far)).length, await text(near)], [long.length, "short"]);
});

test("signs of life and frames that come byte by byte are no trouble", async () => {
  const [raw, b] = duplexPair();
  const far = new PingStream(b);
  const bytes = Buffer.from("00000000000000026869000000000000000121", "hex");
  for (const byte of bytes) raw.write(Buffer.of(byte));
  raw.end();
  assert.equal(await text(far), "hi!");
});

test("a frame of an absurd length ends the connection", async () => {
  const [raw, b] = duplexPair();
  const far = new PingStream(b);
  const [error] = await Promise.all([
    once(far, "error"),
    raw.write(Buffer.from("7fffffff", "hex")),
  ]);
  assert.ok(isFault(error[0], "too-large"));
  assert.ok(b.destroyed);
});
