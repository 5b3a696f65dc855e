import assert from "node:assert/strict";
import { once } from "node:events";
import { Writable } from "node:stream";
import { test } from "node:test";
import { WriteGatherer } from "./write-gatherer.ts";

/** A stream that takes nothing until it is let go. */
function slowStream(highWaterMark: number): { stream: Writable; letGo: () => void } {
  const gate = Promise.withResolvers<void>();
  const stream = new Writable({
    highWaterMark,
    write: (_chunk, _encoding, done) => void gate.promise.then(() => done()),
  });
  return { stream, letGo: gate.resolve };
}

for (const [name, highWaterMark] of [
  ["a socket", 64 * 1024],
  ["a stream that takes a megabyte before it complains", 1024 * 1024],
] as const) {
  test(`${name} that is full tells when it has drained`, async () => {
    const { stream, letGo } = slowStream(highWaterMark);
    const gatherer = new WriteGatherer(stream);
    let written = 0;
    while (gatherer.writable) {
      gatherer.room(32 * 1024);
      gatherer.flush();
      written += 32 * 1024;
      assert.ok(written <= 2 * 1024 * 1024, "more was taken than the stream has room for");
    }
    letGo();
    await once(stream, "drain");
    assert.ok(gatherer.writable);
  });
}
