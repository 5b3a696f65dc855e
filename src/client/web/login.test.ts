import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { isFault } from "#base/fault.ts";
import { WebClient } from "#client/web/client.ts";
import { logInWithPassword } from "#client/web/login.ts";
import type { Ping } from "#client/web/ping.ts";
import { type Answer, startFakeWeb } from "../../../test/support/client/web-proxy.ts";

const base64 = (text: string) => Buffer.from(text).toString("base64");
const certificates = {
  username: "alice",
  cert: base64("ssh-ed25519-cert-v01@openssh.com AAAA\n"),
  tls_cert: base64("-----BEGIN CERTIFICATE-----\n"),
  host_signers: [
    {
      domain_name: "main",
      checking_keys: [base64("ssh-ed25519 BBBB\n")],
      tls_certs: [base64("P")],
    },
  ],
};
const ping = { secondFactor: "on", cluster: "main", signatureSuite: "balanced-v1" } as Ping;
const request = {
  user: "alice",
  sshPublicKey: "ssh-ed25519 X",
  tlsPublicKey: "PEM",
  ttlMs: 3600e3,
};

async function start(context: TestContext, answers: Record<string, Answer>) {
  const server = await startFakeWeb(answers);
  const trust = { pinned: server.certificate, insecure: false };
  const web = new WebClient({ host: "127.0.0.1", port: server.port, trust });
  context.after(() => {
    web.close();
    server.close();
  });
  const asked: string[] = [];
  const prompts = {
    password: async () => {
      asked.push("password");
      return "hunter2";
    },
    code: async () => {
      asked.push("code");
      return "123456";
    },
  };
  return { server, web, prompts, asked };
}

test("password first, then the code, and both keys in the second call", async (context) => {
  const { server, web, prompts, asked } = await start(context, {
    "/v1/webapi/mfa/login/begin": { body: { totp_challenge: true } },
    "/v1/webapi/mfa/login/finish": { body: certificates },
  });
  const answer = await logInWithPassword(web, ping, request, prompts);
  assert.deepEqual(asked, ["password", "code"]);
  assert.deepEqual(
    server.requests.map(({ body }) => body),
    [
      { user: "alice", pass: "hunter2" },
      {
        user: "alice",
        password: "hunter2",
        totp_code: "123456",
        ssh_pub_key: base64("ssh-ed25519 X\n"),
        tls_pub_key: base64("PEM"),
        ttl: 3600e9,
      },
    ],
  );
  assert.equal(answer.user, "alice");
  assert.deepEqual(answer.authorities, [
    { cluster: "main", sshKeys: ["ssh-ed25519 BBBB"], tlsCertificates: ["P"] },
  ]);
});

test("a user without a second factor is asked for the password only", async (context) => {
  const { web, prompts, asked } = await start(context, {
    "/v1/webapi/mfa/login/begin": { body: {} },
    "/v1/webapi/mfa/login/finish": { body: certificates },
  });
  await logInWithPassword(web, ping, request, prompts);
  assert.deepEqual(asked, ["password"]);
});

test("an older cluster's single call carries the code", async (context) => {
  const { server, web, prompts } = await start(context, {
    "/v1/webapi/ssh/certs": { body: certificates },
  });
  await logInWithPassword(web, { ...ping, secondFactor: "otp" }, request, prompts);
  const body = server.requests[0]?.body as Record<string, unknown>;
  assert.equal(body["otp_token"], "123456");
});

test("a cluster that names no signature suite gets the one field that it knows", async (context) => {
  const { server, web, prompts } = await start(context, {
    "/v1/webapi/ssh/certs": { body: certificates },
  });
  const old = { ...ping, secondFactor: "otp", signatureSuite: "" };
  await logInWithPassword(web, old, request, prompts);
  assert.deepEqual(Object.keys(server.requests[0]?.body as object).sort(), [
    ...["otp_token", "password", "pub_key", "ttl", "user"],
  ]);
});

test("a wrong password ends the exchange before the code is asked for", async (context) => {
  const { web, prompts, asked } = await start(context, {
    "/v1/webapi/mfa/login/begin": {
      status: 403,
      body: { error: { message: "invalid username, password or second factor" } },
    },
  });
  await assert.rejects(
    logInWithPassword(web, ping, request, prompts),
    (error) => isFault(error, "unproven") && /tctl users reset \w+$/.test(error.hint ?? ""),
  );
  assert.deepEqual(asked, ["password"]);
});

test("a user who has only a security key is told so", async (context) => {
  const { web, prompts } = await start(context, {
    "/v1/webapi/mfa/login/begin": { body: { webauthn_challenge: { publicKey: {} } } },
  });
  await assert.rejects(logInWithPassword(web, ping, request, prompts), (error) =>
    isFault(error, "unimplemented"),
  );
});

for (const missing of Object.keys(certificates)) {
  test(`an answer without ${missing} is refused as incomplete`, async (context) => {
    const { web, prompts } = await start(context, {
      "/v1/webapi/mfa/login/begin": { body: {} },
      "/v1/webapi/mfa/login/finish": { body: { ...certificates, [missing]: undefined } },
    });
    await assert.rejects(logInWithPassword(web, ping, request, prompts), (error) =>
      isFault(error, "malformed"),
    );
  });
}
