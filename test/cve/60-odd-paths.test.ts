/**
 * CVE-2023-33189: an odd spelling of a path is decided otherwise than the normal one. Class 60 of docs/bug-classes.md:
 * on the web side a path either means exactly what it says, or nothing; in the store no name leaves its folder.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { formatKey, parseKey } from "#backend/key.ts";
import { Fault, isFault } from "#base/fault.ts";
import { silentLogger } from "#base/log.ts";
import { createWebApp } from "#proxy/web/app.ts";
import type { WebOptions } from "#proxy/web/context.ts";
import { startTestAuth } from "../support/auth-service.ts";

const asked: string[] = [];
const options = {
  login: {
    getPingInfo: async () => ({ clusterName: "c", defaultSessionTtlNs: 0n, motd: "" }),
    getInvitation: async ({ token }: { token: string }) => {
      asked.push(token);
      throw new Fault("not-found", "no such link");
    },
    beginLogin: async () => ({ totpChallenge: true }),
  },
  publicAddress: () => "localhost:3080",
  logger: { ...silentLogger, error: () => assert.fail("a path became a bug of ours") },
} as unknown as WebOptions;
const app = createWebApp(options);

async function get(path: string): Promise<number> {
  const request = new Request(`https://localhost${path}`);
  return (await app.fetch(request, { remoteAddress: "192.0.2.7" })).status;
}

test("an odd spelling reaches the same answer as the plain one, or none", async () => {
  assert.equal(await get("/webapi/ping"), 200);
  for (const path of [
    "/webapi//ping",
    "//webapi/ping",
    "/webapi/ping/",
    "/WEBAPI/ping",
    "/webapi/ping%00",
    "/webapi%2fping",
    "/webapi/ping;x=1",
    "/v1/v1/webapi/ping",
    "/v2/webapi/ping",
    "/webapi/%70ing/extra/x",
  ]) {
    assert.ok([404, 400].includes(await get(path)), `${path}: ${await get(path)}`);
  }
  assert.equal(await get("/webapi/mfa/login/begin"), 404, "GET of what only takes POST");
});

test("a link's secret is taken as it stands and never as a path", async () => {
  for (const path of [
    "/web/invite/..%2f..%2fetc%2fpasswd",
    "/web/invite/%2e%2e",
    "/web/invite/a%00b",
    "/web/invite/%ff%fe",
    "/web/reset/a%2fb",
  ]) {
    assert.equal(await get(path), 404, path);
  }
  assert.ok(asked.every((token) => token.length > 0));
});

test("no name of a document leaves its folder in the store", async () => {
  const names = ["../users/root", "a/b", "%2e%2e", "%2F", "a%", "a\u0000b", "..", ".", "\u{1f600}"];
  for (const name of names) {
    const key = formatKey("documents", "role", name);
    assert.equal(key.split("/").length, 4, name);
    assert.deepEqual(parseKey(key), ["documents", "role", name]);
  }
  const cluster = await startTestAuth();
  const { roles, users } = cluster.auth.context.stores;
  for (const name of ["../user/x", "access/", "/access", "access%2F", "ACCESS", "access\u0000"]) {
    assert.equal(await roles.find(name), undefined, name);
    assert.equal(await users.find(`../role/${name}`), undefined, name);
  }
  for (const name of ["", "x".repeat(100_000), "\ud800"]) {
    await assert.rejects(roles.find(name), (error) => isFault(error, "invalid"));
  }
  await cluster.close();
});
