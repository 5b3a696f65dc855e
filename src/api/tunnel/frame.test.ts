import assert from "node:assert/strict";
import { duplexPair } from "node:stream";
import { test } from "node:test";
import fc from "fast-check";
import { encodeFrame, readFrame } from "#api/tunnel/frame.ts";
import { isFault } from "#base/fault.ts";

test("a frame is read back whatever the cuts, and the bytes behind it stay in the stream", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.jsonValue(),
      fc.array(fc.integer({ min: 1, max: 7 }), { maxLength: 50 }),
      async (value, cuts) => {
        const [a, b] = duplexPair();
        const bytes = Buffer.concat([encodeFrame(value, 4), Buffer.from("after")]);
        let at = 0;
        for (const cut of cuts) {
          a.write(bytes.subarray(at, at + cut));
          at += cut;
        }
        a.end(bytes.subarray(at));
        assert.deepEqual(await readFrame(b, 4, 1 << 20), JSON.parse(JSON.stringify(value)));
        b.setEncoding("utf8");
        let rest = "";
        for await (const chunk of b) rest += chunk;
        assert.equal(rest, "after");
      },
    ),
    { numRuns: 50 },
  );
});

test("a frame larger than the stream's buffer arrives whole", async () => {
  const [a, b] = duplexPair();
  const value = "x".repeat(1 << 20);
  a.end(encodeFrame(value, 4));
  assert.equal(await readFrame(b, 4, 2 << 20), value);
});

test("an oversized frame is refused by its length alone", async () => {
  const [a, b] = duplexPair();
  a.write(Buffer.from([0xff, 0xff, 0xff, 0xff]));
  await assert.rejects(readFrame(b, 4, 1024), (error) => isFault(error, "malformed"));
});

test("a frame that is cut short is a closed connection", async () => {
  const [a, b] = duplexPair();
  a.end(encodeFrame({ op: "status" }, 4).subarray(0, 9));
  await assert.rejects(readFrame(b, 4, 1024), (error) => isFault(error, "unavailable"));
});

for (const [name, body] of [
  ["no JSON", Buffer.from("{op}")],
  ["nothing at all", Buffer.alloc(0)],
  ["bytes that are no UTF-8", Buffer.from([0x22, 0xff, 0x22])],
] as const) {
  test(`a frame with ${name} is refused`, async () => {
    const [a, b] = duplexPair();
    const head = Buffer.alloc(4);
    head.writeUInt32BE(body.length);
    a.end(Buffer.concat([head, body]));
    await assert.rejects(readFrame(b, 4, 1024), (error) => isFault(error, "malformed"));
  });
}

test("a value too large for the length field is refused before it is sent", () => {
  assert.throws(
    () => encodeFrame("x".repeat(70_000), 2),
    (error) => isFault(error, "limit"),
  );
});
