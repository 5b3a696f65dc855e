import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { type Duplex, duplexPair } from "node:stream";
import { text } from "node:stream/consumers";
import { after, test } from "node:test";
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
