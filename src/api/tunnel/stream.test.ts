import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { Duplex, duplexPair } from "node:stream";
import { text } from "node:stream/consumers";
import { after, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { serveTunnel, splice, TunnelDialer, type TunnelRequest } from "#api/tunnel/stream.ts";
import { isFault } from "#base/fault.ts";

const closing: (() => void)[] = [];
after(() => {
  for (const close of closing) close();
});

/** A tunnel over real TCP: the proxy's end, and what the agent accepted. */
async function openTunnel(accept: (stream: Duplex, request: TunnelRequest) => void) {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(address && typeof address === "object");
  const agentSocket = connect(address.port, "127.0.0.1");
  const [[proxySocket]] = await Promise.all([
    once(server, "connection") as Promise<[Socket]>,
    once(agentSocket, "connect"),
  ]);
  void serveTunnel(agentSocket, accept);
  const dialer = new TunnelDialer(proxySocket);
  closing.push(() => {
    dialer.close();
    agentSocket.destroy();
    server.close();
  });
  return { dialer, agentSocket };
}

test("brings a stream to the agent with what the proxy says of it, and half-closes both ways", async () => {
  const requests: TunnelRequest[] = [];
  const { dialer } = await openTunnel((stream, request) => {
    requests.push(request);
    stream.pipe(stream);
  });
  const stream = await dialer.open({ service: "ssh", clientAddress: "127.0.0.9:1" });
  stream.end("hello");
  assert.equal(await text(stream), "hello");
  assert.deepEqual(requests, [{ service: "ssh", clientAddress: "127.0.0.9:1" }]);
});

test("many streams at once keep their bytes apart", async () => {
  const { dialer } = await openTunnel((stream) => stream.pipe(stream));
  const answers = await Promise.all(
    Array.from({ length: 50 }, async (_, i) => {
      const stream = await dialer.open({ service: "ssh", clientAddress: "" });
      stream.end(String(i).repeat(20_000));
      return text(stream);
    }),
  );
  for (const [i, answer] of answers.entries()) assert.equal(answer, String(i).repeat(20_000));
});

test("a tunnel whose agent went away refuses, and says that the agent is offline", async () => {
  const { dialer, agentSocket } = await openTunnel(() => {});
  await dialer.open({ service: "ssh", clientAddress: "" });
  agentSocket.destroy();
  await dialer.closed;
  await assert.rejects(dialer.open({ service: "ssh", clientAddress: "" }), (error) =>
    isFault(error, "unavailable"),
  );
});

test("splice ends the other side when one side dies", async () => {
  const [left, leftPeer] = duplexPair();
  const [right, rightPeer] = duplexPair();
  const done = splice(leftPeer, rightPeer);
  left.write("x");
  right.resume();
  const closed = once(rightPeer, "close");
  leftPeer.destroy();
  await closed;
  await done;
});

/** A stream of bytes that counts what is written to it at once, and takes it in only when told. */
function slowStream() {
  const batches: number[] = [];
  let take: (() => void) | undefined;
  const stream = new Duplex({
    highWaterMark: 1000,
    read() {},
    writev(chunks, done) {
      batches.push(chunks.length);
      take = done;
    },
  });
  return { stream, batches, take: () => take?.() };
}

test("splice gives what comes in one turn to the other side in one write", async () => {
  const [left, leftPeer] = duplexPair();
  const { stream, batches } = slowStream();
  void splice(leftPeer, stream);
  await turn();
  for (const part of ["a", "b", "c"]) left.write(part);
  assert.deepEqual(batches, []);
  await turn();
  assert.deepEqual(batches, [3]);
  leftPeer.destroy();
});

test("splice takes no more from one side than the other can send", async () => {
  const [left, leftPeer] = duplexPair({ highWaterMark: 1000 });
  const { stream, take } = slowStream();
  void splice(leftPeer, stream);
  let sent = 0;
  const send = () => {
    while (left.write(Buffer.alloc(100))) sent += 100;
    left.once("drain", send);
  };
  send();
  for (let i = 0; i < 20; i++) await turn();
  const held = sent;
  assert.ok(held < 10_000, `${held} bytes were taken`);
  take();
  for (let i = 0; i < 20; i++) await turn();
  assert.ok(sent > held, "it goes on when there is room");
  leftPeer.destroy();
});

test("splice passes on all that was sent before the end", async () => {
  const [left, leftPeer] = duplexPair();
  const [right, rightPeer] = duplexPair();
  void splice(leftPeer, rightPeer);
  for (let i = 0; i < 1000; i++) left.write(`${i}\n`);
  left.end();
  assert.equal(await text(right), Array.from({ length: 1000 }, (_, i) => `${i}\n`).join(""));
  leftPeer.destroy();
});
