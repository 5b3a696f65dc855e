/** Sessions of browsers: what a login gives, what a cookie opens, and what the store knows. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openWebSession } from "#auth/web/sessions.ts";
import { scanItems } from "#backend/scan.ts";
import { isFault } from "#base/fault.ts";
import { DeviceEnrollStatus } from "#gen/teleport/devicetrust/v1/device_pb.ts";
import { TrustedDeviceRequirement } from "#gen/types/web_session_pb.ts";
import { connectPerson } from "../../../test/support/auth-person.ts";
import { addTestUser, startTestAuth, testPassword } from "../../../test/support/auth-service.ts";
import { makeLock, makePreference } from "../../../test/support/policy.ts";
import { SimulatedAppleDevice } from "../../../test/support/simulated-devices.ts";
import { addWebPerson, userAgents, webLogin } from "../../../test/support/web-login.ts";

async function start(deviceTrust: object = {}) {
  const cluster = await startTestAuth({
    authPreference: makePreference({ device_trust: deviceTrust }),
  });
  const alice = await addWebPerson(cluster, "alice", new SimulatedAppleDevice());
  const sessions = await cluster.as("Proxy").service("web");
  return { cluster, alice, sessions, clientIp: "127.0.0.1" };
}

const unproven = (error: unknown) => isFault(error, "unproven");

test("a login gives a session whose keys act as the person at the auth API", async () => {
  const { cluster, alice, sessions, clientIp } = await start();
  const { cookie, session } = await webLogin(cluster, alice);
  assert.equal(session?.user, "alice");
  assert.equal(session.assetTag, "");
  assert.deepEqual(await sessions.getWebSession({ cookie, clientIp }), session);
  const { keys, tls, ssh } = await openWebSession(cluster.auth.context, cookie, clientIp);
  const browser = connectPerson(cluster, { tls, ssh }, keys.ssh);
  assert.equal(browser.identity.username, "alice");
  assert.equal(browser.identity.loginIp, clientIp);
  const devices = await browser.client.service("devices");
  assert.equal((await devices.listDevicesByUser({})).devices.length, 1);
  const login = await cluster.lastEvent("user.login");
  assert.deepEqual([login?.success, login?.user], [true, "alice"]);
  await cluster.close();
});

test("a wrong password or code gives no session, in the words of every login", async () => {
  const { cluster, sessions, clientIp } = await start();
  for (const [user, password] of [
    ["alice", "wrong"],
    ["nobody", testPassword],
    ["alice", testPassword],
  ] as const) {
    const wish = { user, password, totpCode: "000000", clientIp };
    await assert.rejects(sessions.createWebSession(wish), {
      message: "invalid username, password or second factor",
    });
  }
  assert.equal(await cluster.lastEvent("device.webtoken.create"), undefined);
  await cluster.close();
});

test("the cookie's secret is nowhere in the store, and neither are the keys", async () => {
  const { cluster, alice } = await start();
  const { backend } = cluster.auth.context;
  const { cookie, deviceWebToken } = await webLogin(cluster, alice);
  const { keys } = await openWebSession(cluster.auth.context, cookie, "127.0.0.1");
  const secrets = [
    cookie.split(".")[1],
    deviceWebToken?.token,
    keys.tls.export({ type: "pkcs8", format: "der" }).toString("base64"),
    keys.ssh.export({ type: "pkcs8", format: "der" }).toString("base64"),
  ];
  let items = 0;
  for await (const { key, value } of scanItems(backend, { prefix: "/" })) {
    items++;
    const text = key + new TextDecoder().decode(value);
    for (const secret of secrets) assert.ok(secret && !text.includes(secret), key);
  }
  assert.ok(items > 10);
  await cluster.close();
});

test("a cookie that is none, of another session or changed opens nothing", async () => {
  const { cluster, alice, sessions, clientIp } = await start();
  const [one, two] = [await webLogin(cluster, alice), await webLogin(cluster, alice)];
  const [id = "", secret = ""] = one.cookie.split(".");
  const [otherId = ""] = two.cookie.split(".");
  for (const cookie of [
    "",
    ".",
    id,
    `${id}.`,
    `.${secret}`,
    `${otherId}.${secret}`,
    `${id}.${secret.slice(0, -2)}AA`,
    `${id}.${secret}=`,
    `${id}.${secret} `,
    `../${id}.${secret}`,
    "x".repeat(100_000),
  ]) {
    await assert.rejects(
      sessions.getWebSession({ cookie, clientIp }),
      unproven,
      cookie.slice(0, 99),
    );
    await sessions.deleteWebSession({ cookie });
  }
  assert.equal((await sessions.getWebSession({ cookie: one.cookie, clientIp })).id, id);
  await cluster.close();
});

test("a session ends with a log-out, with its certificates, and with a lock on the person", async () => {
  const { cluster, alice, sessions, clientIp } = await start();
  const [one, two] = [await webLogin(cluster, alice), await webLogin(cluster, alice)];
  await sessions.deleteWebSession({ cookie: one.cookie });
  await assert.rejects(sessions.getWebSession({ cookie: one.cookie, clientIp }), unproven);
  await cluster.auth.context.stores.locks.create(makeLock({ user: "alice" }));
  const open = () => sessions.getWebSession({ cookie: two.cookie, clientIp });
  await assert.rejects(open, (error) => isFault(error, "access-denied", "locked"));
  await cluster.auth.context.stores.locks.delete("lock-1");
  assert.equal((await open()).user, "alice");
  cluster.clock.advance(13 * 3_600_000);
  await assert.rejects(open, unproven);
  await cluster.close();
});

test("a device token is offered where an enrolled device of the person can be, and nowhere else", async () => {
  const { cluster, alice } = await start();
  const offered = async (options: Parameters<typeof webLogin>[2]) =>
    (await webLogin(cluster, alice, options)).deviceWebToken !== undefined;
  assert.ok(await offered({}));
  const event = await cluster.lastEvent("device.webtoken.create");
  assert.deepEqual([event?.code, event?.success, event?.user], ["TV008I", true, "alice"]);
  const device = event?.["device"] as Record<string, unknown>;
  assert.equal(device["web_authentication"], true);
  assert.equal(device["asset_tag"], "PF47WND6");
  assert.match(String(device["web_authentication_id"]), /^[0-9a-f-]{36}$/);
  assert.ok(!(await offered({ userAgent: userAgents.windows })), "no Windows device");
  assert.ok(!(await offered({ userAgent: "curl/8.5.0" })), "no browser");
  assert.ok(!(await offered({ maxTouchPoints: 5 })), "an iPad, and the device is a Mac");
  const [stored] = await cluster.auth.context.stores.devices.all();
  const devices = await alice.person.client.service("devices");
  await devices.updateDevice({
    device: { id: stored?.metadata.name ?? "", enrollStatus: DeviceEnrollStatus.NOT_ENROLLED },
    updateMask: { paths: ["enroll_status"] },
  });
  assert.ok(!(await offered({})), "no device is enrolled any more");
  await cluster.close();
});

test("where device trust is off no token is offered", async () => {
  const { cluster, alice } = await start();
  const { authPreference } = cluster.auth.context.stores;
  await authPreference.upsert(makePreference({ device_trust: { mode: "off" } }));
  assert.equal((await webLogin(cluster, alice)).deviceWebToken, undefined);
  await cluster.close();
});

for (const [mode, roles, requirement] of [
  ["optional", ["access"], TrustedDeviceRequirement.NOT_REQUIRED],
  ["required", ["access"], TrustedDeviceRequirement.REQUIRED],
  ["required-for-humans", ["access"], TrustedDeviceRequirement.REQUIRED],
  ["optional", ["access", "require-trusted-device"], TrustedDeviceRequirement.REQUIRED],
  ["off", ["access"], TrustedDeviceRequirement.NOT_REQUIRED],
] as const) {
  test(`the session of a person with ${roles.join(", ")} in a cluster with ${mode} says what is required`, async () => {
    const cluster = await startTestAuth({
      authPreference: makePreference({ device_trust: { mode } }),
    });
    const secret = await addTestUser(cluster, "bob", roles);
    const { session } = await webLogin(cluster, { name: "bob", secret });
    assert.equal(session?.trustedDeviceRequirement, requirement);
    await cluster.close();
  });
}
