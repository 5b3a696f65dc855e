import assert from "node:assert/strict";
import { duplexPair, PassThrough } from "node:stream";
import { buffer } from "node:stream/consumers";
import { test } from "node:test";
import { PingStream } from "./ping-stream.ts";

/** A framed stream, and the raw bytes on its other side. */
function open() {
  const [ours, raw] = duplexPair();
  return { framed: new PingStream(ours), raw };
}

const frame = (content: string) => {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(content.length);
  return Buffer.concat([head, Buffer.from(content)]);
};

test("signs of life are passed over, and frames are joined, wherever the bytes are cut", async () => {
  const bytes = Buffer.concat([frame(""), frame("hello "), frame(""), frame(""), frame("world")]);
  for (let at = 1; at < bytes.length; at++) {
    const { framed, raw } = open();
    raw.write(bytes.subarray(0, at));
    raw.write(bytes.subarray(at));
    raw.end();
    assert.equal((await buffer(framed)).toString(), "hello world", String(at));
  }
});

test("every piece that is written goes out behind its length", async () => {
  const { framed, raw } = open();
  framed.write("hello");
  framed.end("!");
  assert.deepEqual(await buffer(raw), Buffer.concat([frame("hello"), frame("!")]));
});

test("a frame of any announced length passes piece by piece, without waiting for its end", async () => {
  const { framed, raw } = open();
  raw.write(Buffer.from([0xff, 0xff, 0xff, 0xff, 0x61]));
  const sink = new PassThrough();
  framed.pipe(sink);
  const [piece] = await new Promise<Buffer[]>((resolve) => {
    sink.once("data", (chunk: Buffer) => resolve([chunk]));
  });
  assert.equal(piece?.toString(), "a");
  framed.destroy();
});
