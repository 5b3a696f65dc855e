/** What a proxy of another make does with ALPN, and what the dialer makes of it. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer as createTcpServer, type Server } from "node:net";
import { type TestContext, test } from "node:test";
import { createServer } from "node:tls";
import { tunnelProtocol } from "#api/tunnel/opening.ts";
import { isFault } from "#base/fault.ts";
import { authProtocols, dialCluster, transportProtocol } from "#client/cluster/dial.ts";
import { testCertificate } from "../../../test/support/client/credentials.ts";

const host = testCertificate("main", "DNS:*.teleport.cluster.local");
const identity = testCertificate("alice");

async function addressOf(context: TestContext, server: Server) {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  context.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  return { host: "127.0.0.1", port, cluster: "main", roots: [host.certificate] };
}

test("a transport service that selects no protocol is spoken to, any other door is not", async (context) => {
  const server = createServer({ key: host.key, cert: host.certificate });
  const address = await addressOf(context, server);
  const socket = await dialCluster(address, [transportProtocol, "h2"], identity);
  assert.equal(socket.alpnProtocol, false);
  socket.destroy();
  for (const protocols of [authProtocols("main"), [tunnelProtocol]]) {
    await assert.rejects(dialCluster(address, protocols, identity), (error) =>
      isFault(error, "unimplemented"),
    );
  }
});

for (const [what, hangUp] of [
  ["with an end", "end"],
  ["with a reset", "resetAndDestroy"],
] as const) {
  test(`a proxy that hangs up on our own protocol ${what} does not speak it`, async (context) => {
    const server = createTcpServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", () => socket[hangUp]());
    });
    const address = await addressOf(context, server);
    await assert.rejects(dialCluster(address, [tunnelProtocol], identity), (error) =>
      isFault(error, "unimplemented"),
    );
    await assert.rejects(dialCluster(address, authProtocols("main"), identity), (error) =>
      isFault(error, "unavailable"),
    );
  });
}

test("a port where nobody listens is no proxy that lacks a protocol", async (context) => {
  const server = createTcpServer();
  const address = await addressOf(context, server);
  server.close();
  await assert.rejects(dialCluster(address, [tunnelProtocol], identity), (error) =>
    isFault(error, "unavailable"),
  );
});
