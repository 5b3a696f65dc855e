import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { type TestContext, test } from "node:test";
import { type FaultCode, isFault } from "#base/fault.ts";
import { WebClient } from "#client/web/client.ts";
import { describeClockSkew, ping } from "#client/web/ping.ts";
import type { WebTrust } from "#client/web/trust.ts";
import { testCertificate } from "../../../test/support/client/credentials.ts";
import { type Answer, startFakeWeb } from "../../../test/support/client/web-proxy.ts";

const insecure: WebTrust = { pinned: undefined, insecure: true };
const strict: WebTrust = { pinned: undefined, insecure: false };
const now = () => new Date("2026-11-21T12:00:00.500Z");
const pingBody = {
  auth: {
    second_factor: "on",
    device_trust: { disabled: false, auto_enroll: true },
    signature_algorithm_suite: "balanced-v1",
  },
  proxy: { kube: { enabled: true }, ssh: { public_addr: "proxy.example.com:3080" } },
  server_version: "18.0.0",
  cluster_name: "main",
};

async function start(
  context: TestContext,
  answer: Answer,
  trust: WebTrust = insecure,
  host = "127.0.0.1",
) {
  const server = await startFakeWeb({ "/webapi/ping": answer });
  const web = new WebClient({ host, port: server.port, trust });
  context.after(() => {
    web.close();
    server.close();
  });
  return { server, web };
}

function refuses(code: FaultCode, sentence: RegExp, hint?: RegExp) {
  return (error: unknown) => {
    assert.ok(isFault(error, code), String(error));
    assert.match(error.message, sentence);
    if (hint !== undefined) assert.match(error.hint ?? "", hint);
    return true;
  };
}

test("ping says which cluster it is and what a login needs", async (context) => {
  const { web } = await start(context, {
    body: pingBody,
    headers: { date: "Sat, 21 Nov 2026 12:00:00 GMT" },
  });
  assert.deepEqual(await ping(web, now), {
    cluster: "main",
    publicAddr: "proxy.example.com:3080",
    secondFactor: "on",
    kubernetes: true,
    deviceTrustDisabled: false,
    autoEnroll: true,
    signatureSuite: "balanced-v1",
    serverVersion: "18.0.0",
    clockAheadMs: 0,
  });
});

test("an untrusted certificate is refused before a request is sent, with the way out", async (context) => {
  const { server, web } = await start(context, { body: pingBody }, strict);
  await assert.rejects(web.get("/webapi/ping"), refuses("unproven", /self-signed/, /--insecure/));
  assert.deepEqual(server.requests, []);
});

test("the pinned certificate is accepted, under any name", async (context) => {
  const { server } = await start(context, { body: pingBody });
  const trust = { pinned: server.certificate, insecure: false };
  const web = new WebClient({ host: "127.0.0.1", port: server.port, trust });
  context.after(() => web.close());
  await web.get("/webapi/ping");
  assert.equal(web.certificate?.verdict, "pinned");
});

test("another certificate than the pinned one is refused before a request is sent", async (context) => {
  const pinned = testCertificate("web").certificate;
  const { server, web } = await start(context, { body: pingBody }, { pinned, insecure: false });
  await assert.rejects(web.get("/webapi/ping"), refuses("unproven", /not the one seen at login/));
  assert.deepEqual(server.requests, []);
});

test("--insecure hands out the certificate so that it can be pinned", async (context) => {
  const { server, web } = await start(context, { body: pingBody });
  await web.get("/webapi/ping");
  assert.equal(web.certificate?.verdict, "insecure");
  assert.equal(web.certificate?.pem.trim(), server.certificate.trim());
});

test("a port where nothing listens is one sentence with what to check", async (context) => {
  const { server, web } = await start(context, { body: pingBody });
  server.close();
  await assert.rejects(
    web.get("/webapi/ping"),
    refuses("unavailable", /cannot reach the proxy at 127\.0\.0\.1:\d+/, /nothing listens there/),
  );
});

test("a server that speaks no TLS is told apart", async (context) => {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  context.after(() => server.close());
  const address = server.address();
  assert.ok(address && typeof address === "object");
  const web = new WebClient({ host: "127.0.0.1", port: address.port, trust: insecure });
  await assert.rejects(web.get("/"), refuses("unavailable", /does not speak TLS/, /--proxy/));
});

test("an unknown host name is named", async () => {
  const web = new WebClient({ host: "nowhere.invalid", port: 443, trust: insecure });
  await assert.rejects(web.get("/"), refuses("unavailable", /nowhere\.invalid is not known/));
});

for (const [name, body] of [
  ["a web page", "<html>"],
  ["JSON of something else", { hello: "world" }],
  ["an array", []],
  ["null", null],
] as const) {
  test(`a server that answers with ${name} is no proxy`, async (context) => {
    const { web } = await start(context, { body });
    await assert.rejects(ping(web, now), refuses("malformed", /does not answer as a proxy/));
  });
}

test("an answer without end is cut off", async (context) => {
  const { web } = await start(context, { body: "x".repeat(2 << 20) });
  await assert.rejects(web.get("/webapi/ping"), refuses("malformed", /too large/));
});

test("a cluster name that is a path is refused", async (context) => {
  const { web } = await start(context, { body: { ...pingBody, cluster_name: "../../x" } });
  await assert.rejects(ping(web, now), refuses("invalid", /cluster name/));
});

test("a public address that is none is ignored", async (context) => {
  const { server, web } = await start(context, {
    body: { ...pingBody, proxy: { ssh: { public_addr: "../x:1" } } },
  });
  assert.equal((await ping(web, now)).publicAddr, `127.0.0.1:${server.port}`);
});

test("the proxy's own sentence is shown, on one line", async (context) => {
  const { web } = await start(context, {
    status: 403,
    body: { error: { message: "invalid username, password or second factor\u001b[2J\nx" } },
  });
  await assert.rejects(
    web.get("/webapi/ping"),
    refuses("unproven", /^invalid username, password or second factor \[2J x$/),
  );
});

test("a clock that is too far off is described in words, a small difference is not", () => {
  assert.equal(describeClockSkew(30_000), undefined);
  assert.equal(describeClockSkew(undefined), undefined);
  assert.match(describeClockSkew(-600_000) ?? "", /10 minutes behind/);
  assert.match(describeClockSkew(90_000) ?? "", /90 seconds ahead of/);
});
