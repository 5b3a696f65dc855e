/**
 * CVE-2026-63329, GHSA-2xj4-4766-4xwx: headers in which a client says who and where it is. Class 36 of
 * docs/bug-classes.md: the address in audit events, lockouts and pinned certificates is that of the connection.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Fault } from "#base/fault.ts";
import { silentLogger } from "#base/log.ts";
import { createWebApp } from "#proxy/web/app.ts";
import type { WebOptions } from "#proxy/web/context.ts";

const lies = {
  "x-forwarded-for": "10.6.6.6",
  "x-real-ip": "10.6.6.6",
  forwarded: "for=10.6.6.6;host=evil.example",
  "x-forwarded-host": "evil.example",
  "x-forwarded-proto": "http",
  "x-forwarded-user": "root",
  "x-ssl-client-cert": "x",
  host: "evil.example",
};

const seen: { clientIp: string }[] = [];
const record = (request: { clientIp: string }) => {
  seen.push(request);
  return Promise.reject(new Fault("unproven", "no"));
};
const app = createWebApp({
  login: {
    beginLogin: record,
    finishLogin: record,
    acceptInvitation: record,
    getInvitation: async () => ({ user: "a", otpauthUrl: "otpauth://totp/a?secret=AAAA" }),
    getPingInfo: async () => ({ clusterName: "c", defaultSessionTtlNs: 0n, motd: "" }),
  },
  publicAddress: () => "proxy.example.com:443",
  logger: silentLogger,
} as unknown as WebOptions);

function fetch(path: string, body?: string): Response | Promise<Response> {
  const init = body === undefined ? {} : { method: "POST", body };
  const request = new Request(`https://evil.example${path}`, { ...init, headers: lies });
  return app.fetch(request, { remoteAddress: "192.0.2.7" });
}

test("the address of a login is that of the connection, whatever headers say", async () => {
  const key = "c3NoLWVkMjU1MTkgQUFBQUMzTnphQzFsWkRJMU5URTVBQUFBSUw=";
  const login = JSON.stringify({ user: "a", password: "b", totp_code: "000000", ssh_pub_key: key });
  await fetch("/webapi/mfa/login/begin", '{"user":"a","pass":"b"}');
  await fetch("/webapi/mfa/login/finish", login);
  const password = "password=correct+horse+battery&again=correct+horse+battery&code=123456";
  await fetch("/web/invite/x", password);
  assert.equal(seen.length, 3);
  for (const { clientIp } of seen) assert.equal(clientIp, "192.0.2.7");
});

test("no answer repeats an address or a name from a header", async () => {
  for (const path of ["/webapi/ping", "/webapi/find", "/", "/web/invite/x", "/nowhere"]) {
    const response = await fetch(path);
    const shown = JSON.stringify([...response.headers]) + (await response.text());
    assert.ok(!/evil\.example|10\.6\.6\.6/.test(shown), path);
  }
});
