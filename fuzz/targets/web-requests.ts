/** The HTTP side of the proxy before login: paths, JSON bodies and the forms of invitation pages. */
import assert from "node:assert/strict";
import { utf8 } from "#base/bytes.ts";
import { Fault } from "#base/fault.ts";
import { silentLogger } from "#base/log.ts";
import { createWebApp } from "#proxy/web/app.ts";
import type { WebOptions } from "#proxy/web/context.ts";
import { formatAuthorizedKey } from "#ssh/public-key.ts";
import { sshUser } from "../fixtures.ts";
import { type Target, textOf } from "../target.ts";

const key = Buffer.from(formatAuthorizedKey(sshUser.publicKey)).toString("base64");

/** The first line is method and path, the rest the body. */
export const webRequests: Target = {
  name: "web-requests",
  maxLength: 70_000,
  dictionary: [
    '"user":',
    '"ttl":1e999',
    '"webauthn_challenge_response":',
    "[[[[[[[[",
    '{"a":',
    "\\ud800",
    "%2e%2e/",
    "//",
    "__proto__",
    "null",
    "-1",
    "POST /v1",
    "redirect_uri=",
    "//evil.example/",
    "https:",
    "%5c",
  ],
  open: () => ({
    seeds: [
      "GET /webapi/ping",
      "GET /webapi/ping/local",
      "GET /v1/webapi/find",
      "GET /",
      "GET /web",
      "GET /webapi/user/status",
      "GET /webapi/devices/webconfirm?id=abc&token=def&redirect_uri=https%3A%2F%2Fevil.example%2Fweb%2Fx",
      'POST /webapi/sessions/web\n{"user":"alice","pass":"secret","second_factor_token":"123456","maxTouchPoints":5}',
      "GET /web/invite/abc",
      "POST /web/invite/abc\npassword=correct+horse+battery&again=correct+horse+battery&code=123456",
      'POST /webapi/mfa/login/begin\n{"user":"alice","pass":"secret"}',
      `POST /v1/webapi/mfa/login/finish\n${JSON.stringify({ user: "alice", password: "x", totp_code: "123456", ssh_pub_key: key, ttl: 1, webauthn_challenge_response: { a: [1] } })}`,
      `POST /webapi/ssh/certs\n${JSON.stringify({ user: "alice", password: "x", otp_token: "123456", pub_key: key, ttl: 43_200_000_000_000 })}`,
    ].map(utf8),
    async run(input) {
      const [, method = "GET", path = "/", body = ""] =
        /^(GET|POST) ([^\n]*)\n?([\s\S]*)$/.exec(textOf(input)) ?? [];
      const bugs: unknown[] = [];
      const options: WebOptions = {
        login: loginService,
        sessions: sessionService,
        devices: { confirmDeviceWebAuthentication: refuse },
        publicAddress: () => "localhost:3080",
        logger: { ...silentLogger, error: (text, fields) => bugs.push(fields?.["error"] ?? text) },
      };
      let request: Request;
      try {
        const init = method === "POST" ? { method, body } : { method };
        request = new Request(`https://localhost${path.startsWith("/") ? path : "/"}`, init);
      } catch {
        return "no request";
      }
      const env = { remoteAddress: "192.0.2.7" };
      const response = await createWebApp(options).fetch(request, env);
      await response.arrayBuffer();
      if (bugs.length > 0) throw bugs[0];
      assert.ok(response.status < 500, `${method} ${path}: ${response.status}`);
      const location = response.headers.get("location") ?? "/web";
      assert.match(location, /^\/(web($|\/)|enterprise\/saml-idp\/)/, "an open redirect");
      return `${response.status} ${path.slice(0, 24)}`;
    },
  }),
};

const refuse = () => Promise.reject(new Fault("unproven", "no"));

/** A LoginService that knows nobody; what is sent to it is checked for what the wire can carry. */
const loginService = {
  getPingInfo: async () => ({ clusterName: "example.com", defaultSessionTtlNs: 0n, motd: "" }),
  getInvitation: async () => ({
    user: "alice",
    otpauthUrl: "otpauth://totp/example.com:alice?secret=ABCDEFGH",
  }),
  beginLogin: refuse,
  acceptInvitation: refuse,
  finishLogin(request: { ttlNs: bigint; user: string }) {
    assert.ok(request.ttlNs >= 0n && request.ttlNs < 2n ** 63n, "a ttl that the wire cannot carry");
    assert.equal(typeof request.user, "string");
    return refuse();
  },
} as unknown as WebOptions["login"];

/** A WebSessionService that knows nobody either. */
const sessionService = {
  createWebSession: refuse,
  getWebSession: refuse,
  deleteWebSession: async () => ({}),
} as unknown as WebOptions["sessions"];
