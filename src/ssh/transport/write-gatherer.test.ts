import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { duplexPair, Writable } from "node:stream";
import { test } from "node:test";
import { WriteGatherer } from "#ssh/transport/write-gatherer.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A stream that keeps what is written, as it is. */
function keeper() {
  const chunks: Uint8Array[] = [];
  const stream = new Writable({
    write(chunk: Uint8Array, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  return { stream, chunks };
}

test("what is written in one turn is one write", async () => {
  const { stream, chunks } = keeper();
  const gatherer = new WriteGatherer(stream);
  gatherer.room(3).set([1, 2, 3]);
  gatherer.room(2).set([4, 5]);
  await turn();
  gatherer.room(1).set([6]);
  await turn();
  assert.deepEqual(
    chunks.map((chunk) => [...chunk]),
    [[1, 2, 3, 4, 5], [6]],
  );
});

test("nothing is lost or reordered when a turn writes more than a piece holds", async () => {
  const { stream, chunks } = keeper();
  const gatherer = new WriteGatherer(stream);
  const lengths = [10, 2000, 60_000, 60_000, 60_000, 1, 300_000, 5];
  for (const [index, length] of lengths.entries()) gatherer.room(length).fill(index);
  await turn();
  const expected = Buffer.concat(lengths.map((length, index) => Buffer.alloc(length, index)));
  assert.deepEqual(Buffer.concat(chunks), expected);
});

test("a flush sends at once, and only once", async () => {
  const { stream, chunks } = keeper();
  const gatherer = new WriteGatherer(stream);
  gatherer.room(1).set([7]);
  gatherer.flush();
  assert.equal(chunks.length, 1);
  await turn();
  gatherer.flush();
  assert.equal(chunks.length, 1);
});

test("two connections never share memory", () => {
  const [a, b] = [new WriteGatherer(keeper().stream), new WriteGatherer(keeper().stream)];
  const memory = [a.room(10), b.room(10), a.room(100_000), b.room(100_000)].map((r) => r.buffer);
  assert.equal(new Set(memory).size, 4);
});

test("a reader in memory may keep what it reads", async () => {
  const [end, wire] = duplexPair();
  const kept: Uint8Array[] = [];
  wire.on("data", (chunk: Uint8Array) => kept.push(chunk));
  const gatherer = new WriteGatherer(end);
  for (let i = 0; i < 5; i++) {
    gatherer.room(100_000).fill(i);
    await turn();
  }
  const expected = Buffer.concat([0, 1, 2, 3, 4].map((i) => Buffer.alloc(100_000, i)));
  assert.deepEqual(Buffer.concat(kept), expected);
});

test("memory is given back once a socket has sent it, and not before", async () => {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(address && typeof address === "object");
  const socket = connect(address.port, "127.0.0.1");
  const [[peer]] = await Promise.all([
    once(server, "connection") as Promise<[Socket]>,
    once(socket, "connect"),
  ]);
  try {
    const gatherer = new WriteGatherer(socket);
    const rooms: Uint8Array[] = [];
    // More than the kernel takes while nobody reads: most of it has to wait, in memory that must stay.
    for (let i = 0; i < 200; i++) rooms.push(gatherer.room(100_000).fill(i));
    gatherer.flush();
    await turn();
    assert.equal(rooms.at(-1)?.length, 100_000);
    const expected = Buffer.concat(rooms.map((_, i) => Buffer.alloc(100_000, i)));
    socket.end();
    const received: Uint8Array[] = [];
    for await (const chunk of peer) received.push(chunk);
    assert.deepEqual(Buffer.concat(received), expected);
    assert.equal(Math.max(...rooms.map(({ length }) => length)), 0);
  } finally {
    socket.destroy();
    server.close();
  }
});
