import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { test } from "node:test";
import type { TLSSocket } from "node:tls";
import type { Peer } from "#api/peer.ts";
import { LegacyApi } from "#auth/http/legacy-api.ts";
import { silentLogger } from "#base/log.ts";
import { logIn } from "../../../test/support/auth-person.ts";
import { startTestAuth } from "../../../test/support/auth-service.ts";

test("odd paths are pages that do not exist, and strangers read nothing", async () => {
  const cluster = await startTestAuth();
  const person = await logIn(cluster, "alice");
  const bugs: unknown[] = [];
  const logger = { ...silentLogger, error: (text: string) => bugs.push(text) };
  const api = new LegacyApi({ ...cluster.auth.context, logger });
  let peer: Peer = person.peer;
  const server = createServer((socket) => api.accept(socket as TLSSocket, peer));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const get = async (path: string) => {
    const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
    socket.end(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    return Number(/^HTTP\/1.1 (\d+)/.exec(Buffer.concat(chunks).toString())?.[1]);
  };
  assert.equal(await get("/v2/configuration/name"), 200);
  assert.equal(await get("/v2/configuration/name?x=1"), 200);
  for (const path of ["//", "//[", "/v2//configuration/name", "/v2/../v2/proxies", "http://[/"]) {
    assert.equal(await get(path), 404, path);
  }
  peer = { address: "192.0.2.7" };
  assert.equal(await get("/v2/configuration/name"), 403);
  assert.deepEqual(bugs, []);
  api.close();
  server.close();
  await person.client.close();
  await cluster.close();
});
