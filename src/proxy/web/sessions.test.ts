/** Browsers at the proxy: the cookie, requests of other sites, and the confirmation of a device, with a real auth behind. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Logger, silentLogger } from "#base/log.ts";
import { createWebApp } from "#proxy/web/app.ts";
import { codeOf, startTestAuth, testPassword } from "../../../test/support/auth-service.ts";
import { makePreference } from "../../../test/support/policy.ts";
import { SimulatedAppleDevice } from "../../../test/support/simulated-devices.ts";
import { addWebPerson, userAgents, vouch } from "../../../test/support/web-login.ts";

const origin = "https://localhost:3080";

interface LoginAnswer {
  readonly user: string;
  readonly hasDeviceExtensions: boolean;
  readonly trustedDeviceRequirement: number;
  readonly deviceWebToken?: { readonly id: string; readonly token: string };
}

async function start(mode = "optional") {
  const cluster = await startTestAuth({
    authPreference: makePreference({ device_trust: { mode } }),
  });
  const alice = await addWebPerson(cluster, "alice", new SimulatedAppleDevice());
  const client = cluster.as("Proxy");
  const warnings: string[] = [];
  const logger: Logger = {
    ...silentLogger,
    warn: (text, fields) => warnings.push(`${text} ${JSON.stringify(fields)}`),
    error: (text, fields) => assert.fail(`${text} ${String(fields?.["error"])}`),
  };
  const app = createWebApp({
    login: await client.service("login"),
    sessions: await client.service("web"),
    devices: await client.service("devices"),
    publicAddress: () => "localhost:3080",
    logger,
  });
  const fetch = (path: string, init: RequestInit = {}, cookie = "") =>
    app.fetch(
      new Request(origin + path, {
        ...init,
        headers: {
          ...{ host: "localhost:3080", "user-agent": userAgents.macos, cookie },
          ...init.headers,
        },
      }),
      { remoteAddress: "127.0.0.1" },
    );
  const logIn = async (headers: Record<string, string> = {}) => {
    cluster.clock.advance(30_000);
    const code = codeOf(alice.secret, cluster.clock.now());
    const body = JSON.stringify({ user: "alice", pass: testPassword, second_factor_token: code });
    return fetch("/webapi/sessions/web", { method: "POST", body, headers });
  };
  const open = async () => {
    const response = await logIn();
    assert.equal(response.status, 200);
    const answer = (await response.json()) as LoginAnswer;
    return { answer, cookie: cookieOf(response) };
  };
  return { cluster, alice, fetch, logIn, open, warnings };
}

function cookieOf(response: Response): string {
  return (response.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
}

/** The path with which the browser brings a confirmation back. */
function confirmation({ id, token }: { id: string; token: string }, more = ""): string {
  return `/webapi/devices/webconfirm?id=${id}&token=${token}${more}`;
}

test("a login sets a cookie that only this host gets, over TLS, and no script reads", async () => {
  const { cluster, fetch, logIn } = await start("required");
  const response = await logIn();
  assert.equal(response.headers.get("cache-control"), "no-store");
  const cookie = response.headers.get("set-cookie") ?? "";
  assert.match(
    cookie,
    /^__Host-session=[\w.-]{80}; Path=\/; Expires=[^;]+; HttpOnly; Secure; SameSite=Lax$/,
  );
  const answer = (await response.json()) as LoginAnswer;
  assert.deepEqual(
    [answer.user, answer.hasDeviceExtensions, answer.trustedDeviceRequirement],
    ["alice", false, 2],
  );
  assert.ok(answer.deviceWebToken?.token);
  const status = await fetch("/webapi/user/status", {}, cookieOf(response));
  const { deviceWebToken: _, ...shown } = answer;
  assert.deepEqual(await status.json(), shown, "the token is shown once");
  await cluster.close();
});

test("a page of another site can neither log a person in nor out", async () => {
  const { cluster, fetch, logIn, open } = await start();
  const { cookie } = await open();
  for (const from of ["https://evil.example", "https://localhost", "null", "http://[", "file://"]) {
    assert.equal((await logIn({ origin: from })).status, 403, from);
    const logOut = { method: "DELETE", headers: { origin: from } };
    assert.equal((await fetch("/webapi/sessions/web", logOut, cookie)).status, 403, from);
  }
  assert.equal((await fetch("/webapi/user/status", {}, cookie)).status, 200);
  assert.equal((await logIn({ origin })).status, 200, "our own page can");
  await cluster.close();
});

test("a log-out takes the cookie back and ends the session", async () => {
  const { cluster, fetch, open } = await start();
  const { cookie } = await open();
  const response = await fetch("/v1/webapi/sessions/web", { method: "DELETE" }, cookie);
  assert.match(response.headers.get("set-cookie") ?? "", /^__Host-session=; Max-Age=0; Path=\/;/);
  assert.equal((await fetch("/webapi/user/status", {}, cookie)).status, 403);
  await cluster.close();
});

test("a browser without a session, or with nonsense for one, is refused and sees the home page", async () => {
  const { cluster, fetch } = await start();
  for (const cookie of [
    "",
    "__Host-session=",
    "__Host-session=x",
    "session=x",
    `__Host-session=${"a".repeat(5000)}`,
    "__Host-session=%00%ff; __Host-session=..%2f",
  ]) {
    assert.equal((await fetch("/webapi/user/status", {}, cookie)).status, 403, cookie.slice(0, 40));
    const page = await (await fetch("/web", {}, cookie)).text();
    assert.match(page, /tsh login --proxy=localhost:3080/);
  }
  await cluster.close();
});

test("a device vouches: the browser brings the token back and lands on our page, which says so", async () => {
  const { cluster, alice, fetch, open, warnings } = await start("required");
  const { answer, cookie } = await open();
  const without = await (await fetch("/web", {}, cookie)).text();
  assert.match(without, /no trusted device/);
  const token = await vouch(cluster, alice, answer.deviceWebToken);
  const response = await fetch(confirmation(token), {}, cookie);
  assert.deepEqual([response.status, response.headers.get("location")], [303, "/web"]);
  assert.equal(response.headers.get("referrer-policy"), "no-referrer");
  assert.equal(response.headers.get("cache-control"), "no-store");
  assert.deepEqual(warnings, []);
  const status = await fetch("/webapi/user/status", {}, cookie);
  assert.equal(((await status.json()) as LoginAnswer).hasDeviceExtensions, true);
  assert.match(await (await fetch("/web", {}, cookie)).text(), /PF47WND6<\/strong> has vouched/);
  await cluster.close();
});

test("a confirmation without its parameters is a bad request, in the words of the public API", async () => {
  const { cluster, fetch } = await start();
  for (const [query, problem] of [
    ["", "parameter id required"],
    ["?token=t", "parameter id required"],
    ["?id=&token=t", "parameter id required"],
    ["?id=i", "parameter token required"],
    [`?id=i&token=${"t".repeat(3000)}`, "a parameter is too long"],
  ] as const) {
    const response = await fetch(`/webapi/devices/webconfirm${query}`);
    assert.equal(response.status, 400, query.slice(0, 40));
    assert.deepEqual(await response.json(), { error: { message: problem } });
  }
  await cluster.close();
});

test("whatever comes of a confirmation, the browser goes to a page of ours, and the log has no token", async () => {
  const { cluster, alice, fetch, open, warnings } = await start();
  const { answer, cookie } = await open();
  const stranger = await open();
  const token = await vouch(cluster, alice, answer.deviceWebToken);
  const path = confirmation(token, "&redirect_uri=https%3A%2F%2Fevil.example%2Fapps");
  for (const [sent, what] of [
    [stranger.cookie, "the browser of another session"],
    [cookie, "a token that is spent"],
    ["", "a browser without a session"],
  ] as const) {
    const response = await fetch(path, {}, sent);
    assert.deepEqual([response.status, response.headers.get("location")], [303, "/web/apps"], what);
  }
  assert.equal(warnings.length, 3);
  assert.ok(!warnings.join().includes(token.token));
  for (const sent of [cookie, stranger.cookie]) {
    const status = (await (await fetch("/webapi/user/status", {}, sent)).json()) as LoginAnswer;
    assert.equal(status.hasDeviceExtensions, false);
  }
  await cluster.close();
});
