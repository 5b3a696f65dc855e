/**
 * A device that vouches for a web session (specification of device trust, section 9): what it gives, and each check of
 * the two tokens by its name in the audit log.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { decideAccess } from "#access/decide-access.ts";
import { sshTarget } from "#access/target.ts";
import { identifyCertificate } from "#api/peer.ts";
import { loadPolicy } from "#auth/policy.ts";
import { openWebSession } from "#auth/web/sessions.ts";
import { openMemoryBackend } from "#backend/memory.ts";
import { ManualClock } from "#base/clock.ts";
import { type FaultCode, isFault } from "#base/fault.ts";
import { runWebAuthentication } from "#client/ceremony/authenticate.ts";
import { collectedDataMessage } from "#client/ceremony/messages.ts";
import { DeviceEnrollStatus } from "#gen/teleport/devicetrust/v1/device_pb.ts";
import { decodeExtensions } from "#identity/extensions.ts";
import { parseResourceOf } from "#resource/parse.ts";
import { parseCertificate } from "#ssh/certificate.ts";
import {
  connectPeer,
  deviceDataOf,
  enrollAs,
  logIn,
  revocationLocks,
} from "../../../test/support/auth-person.ts";
import { startTestAuth, type TestAuth, testCluster } from "../../../test/support/auth-service.ts";
import { bootEvents } from "../../../test/support/event-log.ts";
import { makeLock, makePreference } from "../../../test/support/policy.ts";
import {
  SimulatedAppleDevice,
  SimulatedTpmDevice,
} from "../../../test/support/simulated-devices.ts";
import {
  addWebPerson,
  userAgents,
  vouch,
  type WebPerson,
  webLogin,
} from "../../../test/support/web-login.ts";

interface Token {
  readonly id: string;
  readonly token: string;
}

/** Alice, her enrolled Mac, and her browser on it. */
async function start(mode = "optional") {
  const cluster = await startTestAuth({
    authPreference: makePreference({ device_trust: { mode } }),
  });
  const alice = await addWebPerson(cluster, "alice", new SimulatedAppleDevice());
  const login = await webLogin(cluster, alice);
  const proxy = await cluster.as("Proxy").service("devices");
  const confirm = (token: Token, session = login.session?.id ?? "") =>
    proxy.confirmDeviceWebAuthentication({
      confirmationToken: token,
      currentWebSessionId: session,
    });
  const { deviceWebToken = { id: "", token: "" } } = login;
  return { cluster, alice, login, token: deviceWebToken, confirm };
}

type Started = Awaited<ReturnType<typeof start>>;

/** The session as its cookie opens it now. */
function opened({ cluster, login }: Pick<Started, "cluster" | "login">) {
  return openWebSession(cluster.auth.context, login.cookie, "127.0.0.1");
}

/** Asserts that an act is refused in general words, and that only the audit log names the reason. */
async function assertRefusal(
  cluster: TestAuth,
  event: "device.authenticate" | "device.authenticate.confirm",
  reason: string,
  act: () => Promise<unknown>,
  code: FaultCode = "access-denied",
): Promise<void> {
  cluster.clock.advance(1);
  await assert.rejects(act, (error) => {
    assert.ok(isFault(error, code), String(error));
    assert.ok(!`${error.message} ${error.hint}`.includes(reason), "the reason is not for the peer");
    return true;
  });
  const last = await cluster.lastEvent(event);
  assert.deepEqual([last?.success, last?.["reason"]], [false, reason]);
}

/** Whether a server of a cluster that demands a device lets the session's two certificates in. */
async function isLetIn(started: Started): Promise<boolean[]> {
  const { context } = started.cluster.auth;
  const { authorities, clock } = context;
  const { tls, ssh } = await opened(started);
  const trusted = { user: [authorities.tls("user").certificate], host: [] };
  const { identity } = identifyCertificate(tls, trusted, clock.now(), "127.0.0.1");
  if (identity?.kind !== "user") throw new TypeError("the certificate names no user");
  const policy = await loadPolicy(context);
  const server = { id: "1", hostname: "node1", labels: {} };
  const target = sshTarget(server, "root");
  return [identity, decodeExtensions(parseCertificate(ssh), testCluster)].map(
    (holder) => decideAccess({ identity: holder, policy, target, now: clock.now() }).allowed,
  );
}

for (const osType of ["macos", "linux", "windows"] as const) {
  test(`a simulated ${osType} device vouches, and the session's certificates name it`, async () => {
    const cluster = await startTestAuth({
      authPreference: makePreference({ device_trust: { mode: "required" } }),
    });
    const device =
      osType === "macos" ? new SimulatedAppleDevice(osType) : new SimulatedTpmDevice(osType);
    const alice = await addWebPerson(cluster, "alice", device);
    const login = await webLogin(cluster, alice, { userAgent: userAgents[osType] });
    const started = { cluster, login } as Started;
    const before = await opened(started);
    assert.deepEqual(await isLetIn(started), [false, false]);
    const confirmation = await vouch(cluster, alice, login.deviceWebToken);
    assert.deepEqual(await isLetIn(started), [false, false], "not before the browser confirms");
    const proxy = await cluster.as("Proxy").service("devices");
    await proxy.confirmDeviceWebAuthentication({
      confirmationToken: confirmation,
      currentWebSessionId: login.session?.id ?? "",
    });
    assert.deepEqual(await isLetIn(started), [true, true]);
    const after = await opened(started);
    const { device: marked, ...rest } = after.identity;
    assert.deepEqual(rest, before.identity, "nothing else has changed, the end neither");
    assert.equal(marked?.credentialId, await device.findCredentialId());
    const [was, is] = [before, after].map(({ ssh }) => parseCertificate(ssh));
    assert.ok(was && is);
    assert.deepEqual([is.key.blob, is.principals], [was.key.blob, was.principals]);
    assert.deepEqual(
      [...is.extensions].filter(([name]) => !name.startsWith("teleport-device-")),
      [...was.extensions],
    );
    const sessions = await cluster.as("Proxy").service("web");
    const shown = await sessions.getWebSession({ cookie: login.cookie, clientIp: "127.0.0.1" });
    assert.equal(shown.assetTag, "PF47WND6");
    await cluster.close();
  });
}

test("a device vouches for nothing with a boot that the rules refuse, and reports one that they only note", async () => {
  const cluster = await startTestAuth();
  const device = new SimulatedTpmDevice("linux");
  device.boot(bootEvents(true));
  const alice = await addWebPerson(cluster, "alice", device);
  const setMode = (mode: string) =>
    cluster.auth.context.stores.attestationPolicy.upsert(
      parseResourceOf("attestation_policy", {
        kind: "attestation_policy",
        spec: { measured_boot: [{ name: "secure", secure_boot: true, mode }] },
      }),
    );
  device.boot(bootEvents(false));
  for (const mode of ["enforce", "report"]) {
    await setMode(mode);
    const login = await webLogin(cluster, alice, { userAgent: userAgents.linux });
    const vouching = () => vouch(cluster, alice, login.deviceWebToken);
    if (mode === "enforce") {
      await assertRefusal(cluster, "device.authenticate", "secure_boot_off", vouching);
    } else assert.ok(await vouching());
  }
  assert.equal((await cluster.lastEvent("device.boot.report"))?.["reason"], "secure_boot_off");
  await cluster.close();
});

test("one id joins the three events, which name person and device", async () => {
  const { cluster, alice, token, confirm } = await start();
  await confirm(await vouch(cluster, alice, token));
  const credential = await alice.device.findCredentialId();
  for (const [type, code] of [
    ["device.webtoken.create", "TV008I"],
    ["device.authenticate", "TV006I"],
    ["device.authenticate.confirm", "TV009I"],
  ] as const) {
    const event = await cluster.lastEvent(type);
    assert.deepEqual([event?.code, event?.success, event?.user], [code, true, "alice"], type);
    const device = event?.["device"] as Record<string, unknown>;
    assert.equal(device["web_authentication"], true, type);
    assert.equal(device["web_authentication_id"], token.id, type);
    assert.equal(device["asset_tag"], "PF47WND6", type);
    assert.equal(device["credential_id"], credential, type);
  }
  const certificate = await cluster.lastEvent("cert.create");
  assert.ok(JSON.stringify(certificate).includes("PF47WND6"));
  await cluster.close();
});

/** What somebody does wrong with a web token, and the reason that the audit log has for it. */
const misuses: readonly [
  name: string,
  reason: string,
  misuse: (started: Started) => Promise<unknown>,
][] = [
  [
    "is presented under another id",
    "web_token_id",
    ({ cluster, alice, token }) => vouch(cluster, alice, { ...token, id: "other" }),
  ],
  [
    "is five minutes old",
    "web_token_expired",
    ({ cluster, alice, token }) => {
      cluster.clock.advance(5 * 60_000);
      return vouch(cluster, alice, token);
    },
  ],
  [
    "is another user's",
    "web_token_user",
    async ({ cluster, alice, token }) => {
      const person = await logIn(cluster, "mallory");
      return vouch(cluster, { ...alice, person }, token);
    },
  ],
  [
    "went to a browser at another address",
    "web_token_address",
    async ({ cluster, alice, token }) => {
      const peer = { ...alice.person.peer, address: "192.0.2.7" };
      const person = { ...alice.person, client: connectPeer(cluster, peer) };
      return vouch(cluster, { ...alice, person }, token);
    },
  ],
  [
    "is of a session that has ended",
    "web_session",
    async ({ cluster, alice, login, token }) => {
      const sessions = await cluster.as("Proxy").service("web");
      await sessions.deleteWebSession({ cookie: login.cookie });
      return vouch(cluster, alice, token);
    },
  ],
  [
    "is used by a device that nobody enrolled",
    "unknown_device",
    ({ cluster, alice, token }) =>
      vouch(cluster, { ...alice, device: new SimulatedAppleDevice() }, token),
  ],
  [
    "is used by another person's device",
    "web_token_device",
    async ({ cluster, alice, token }) => {
      const device = new SimulatedAppleDevice();
      await enrollAs(cluster, await logIn(cluster, "bob"), device, { serialNumber: "BOBS" });
      const data = deviceDataOf(cluster, device, { serialNumber: "BOBS" });
      return runWebAuthentication(alice.person.client.grpc, device, data, token);
    },
  ],
  [
    "is used by a device that cannot sign for its key",
    "device_signature",
    async ({ cluster, alice, token }) => {
      const forger = new SimulatedAppleDevice();
      forger.findCredentialId = async () => (await alice.device.findCredentialId()) ?? "";
      return vouch(cluster, { ...alice, device: forger }, token);
    },
  ],
  [
    "is used by a device that is locked",
    "locked",
    async ({ cluster, alice, token }) => {
      const { stores } = cluster.auth.context;
      const [device] = await stores.devices.all();
      await stores.locks.create(makeLock({ device: device?.metadata.name ?? "" }));
      const spend = vouch(cluster, alice, token);
      await spend.catch(() => {});
      await stores.locks.delete("lock-1");
      return spend;
    },
  ],
  [
    "comes when device trust was switched off",
    "device_trust_off",
    async ({ cluster, alice, token }) => {
      const { authPreference } = cluster.auth.context.stores;
      await authPreference.upsert(makePreference({ device_trust: { mode: "off" } }));
      const spend = vouch(cluster, alice, token);
      await spend.catch(() => {});
      await authPreference.upsert(makePreference());
      return spend;
    },
  ],
  [
    "is used by a bot",
    "not_a_person",
    async ({ cluster, alice, token }) => {
      const person = await logIn(cluster, "alice", { identity: { botName: "robot" } });
      return vouch(cluster, { ...alice, person }, token);
    },
  ],
];

for (const [name, reason, misuse] of misuses) {
  test(`a web token that ${name} is refused, and spent by that`, async () => {
    const started = await start();
    const { cluster, alice, token } = started;
    await assertRefusal(cluster, "device.authenticate", reason, () => misuse(started));
    const event = await cluster.lastEvent("device.authenticate");
    const device = event?.["device"] as Record<string, unknown>;
    assert.equal(device["web_authentication_id"], token.id);
    await assertRefusal(cluster, "device.authenticate", "web_token_unknown", () =>
      vouch(cluster, alice, token),
    );
    await cluster.close();
  });
}

test("words that are no token are refused, and spend nothing of those who know the id", async () => {
  const { cluster, alice, token } = await start();
  for (const words of ["", "x", `${token.token}x`, token.token.slice(1), "y".repeat(10_000)]) {
    await assertRefusal(cluster, "device.authenticate", "web_token_unknown", () =>
      vouch(cluster, alice, { id: token.id, token: words }),
    );
  }
  assert.equal((await vouch(cluster, alice, token)).id, token.id);
  await cluster.close();
});

test("certificates or a signature of an SSH key have no place beside a web token", async () => {
  const { cluster, alice, login, token } = await start();
  const devices = await alice.person.client.service("devices");
  const deviceData = collectedDataMessage(deviceDataOf(cluster, alice.device));
  const credentialId = (await alice.device.findCredentialId()) ?? "";
  const both = await devices.authenticateDevice();
  const { id } = token;
  const deviceWebToken = { id, token: token.token };
  const init = { credentialId, deviceData, deviceWebToken, userCertificates: {} };
  await both.send({ payload: { case: "init", value: init } });
  const event = "device.authenticate";
  await assertRefusal(cluster, event, "bad_request", () => both.receive(), "invalid");
  const fresh = (await webLogin(cluster, alice)).deviceWebToken;
  const signed = await devices.authenticateDevice();
  const again = {
    ...{ credentialId, deviceData },
    deviceWebToken: { id: fresh?.id ?? "", token: fresh?.token ?? "" },
  };
  await signed.send({ payload: { case: "init", value: again } });
  const challenge = await signed.receive();
  assert.equal(challenge?.payload.case, "challenge");
  const sshSignature = new Uint8Array(64);
  const value = { signature: new Uint8Array(64), sshSignature };
  await signed.send({ payload: { case: "challengeResponse", value } });
  await assertRefusal(cluster, event, "bad_request", () => signed.receive(), "invalid");
  assert.equal((await opened({ cluster, login })).identity.device, undefined);
  await cluster.close();
});

test("one web token and many uses at once, in two auth services on one store: one gets through", async () => {
  const clock = new ManualClock(new Date("2026-11-21T10:00:00Z"));
  const backend = openMemoryBackend(clock);
  const one = await startTestAuth({}, { clock, backend });
  const two = await startTestAuth({}, { clock, backend });
  const alice = await addWebPerson(one, "alice", new SimulatedAppleDevice());
  const { deviceWebToken, session } = await webLogin(one, alice);
  const elsewhere = { ...alice, person: await logIn(two, "alice") };
  const outcomes = await Promise.allSettled(
    [0, 1, 2, 3, 4, 5].map((i) =>
      i % 2 === 0 ? vouch(one, alice, deviceWebToken) : vouch(two, elsewhere, deviceWebToken),
    ),
  );
  const given = outcomes.filter((outcome) => outcome.status === "fulfilled");
  assert.equal(given.length, 1);
  const confirmations = await Promise.allSettled(
    [one, two, one, two].map(async (cluster) => {
      const proxy = await cluster.as("Proxy").service("devices");
      const [confirmationToken] = given.map(({ value }) => value);
      const currentWebSessionId = session?.id ?? "";
      return proxy.confirmDeviceWebAuthentication({
        ...(confirmationToken ? { confirmationToken } : {}),
        currentWebSessionId,
      });
    }),
  );
  assert.equal(confirmations.filter(({ status }) => status === "fulfilled").length, 1);
  for (const cluster of [one, two]) await cluster.close();
  await backend.close();
});

/** What can be wrong with a confirmation, and the reason that the audit log has for it. */
const confirmationMisuses: readonly [
  name: string,
  reason: string,
  misuse: (started: Started, token: Token) => Promise<unknown>,
][] = [
  [
    "is presented under another id",
    "confirmation_id",
    ({ confirm }, token) => confirm({ ...token, id: "other" }),
  ],
  [
    "is five minutes old",
    "confirmation_expired",
    ({ cluster, confirm }, token) => {
      cluster.clock.advance(5 * 60_000);
      return confirm(token);
    },
  ],
  [
    "comes from another session of the same person",
    "confirmation_session",
    async ({ cluster, alice, confirm }, token) => {
      const { session } = await webLogin(cluster, alice);
      return confirm(token, session?.id);
    },
  ],
  [
    "comes from a browser without a session",
    "confirmation_session",
    ({ confirm }, token) => confirm(token, ""),
  ],
  [
    "comes when the session has ended",
    "web_session",
    async ({ cluster, login, confirm }, token) => {
      const sessions = await cluster.as("Proxy").service("web");
      await sessions.deleteWebSession({ cookie: login.cookie });
      return confirm(token);
    },
  ],
  [
    "comes when the device was deleted",
    "unknown_device",
    async ({ cluster, alice, confirm }, token) => {
      const [device] = await cluster.auth.context.stores.devices.all();
      const devices = await alice.person.client.service("devices");
      await devices.deleteDevice({ deviceId: device?.metadata.name ?? "" });
      return confirm(token);
    },
  ],
  [
    "comes when the device was unenrolled",
    "not_enrolled",
    async ({ cluster, alice, confirm }, token) => {
      await unenroll(cluster, alice);
      return confirm(token);
    },
  ],
  [
    "comes when the person was locked",
    "locked",
    async ({ cluster, confirm }, token) => {
      await cluster.auth.context.stores.locks.create(makeLock({ user: "alice" }));
      return confirm(token);
    },
  ],
  [
    "comes when device trust was switched off",
    "device_trust_off",
    async ({ cluster, confirm }, token) => {
      const { authPreference } = cluster.auth.context.stores;
      await authPreference.upsert(makePreference({ device_trust: { mode: "off" } }));
      return confirm(token);
    },
  ],
];

async function unenroll(cluster: TestAuth, { person }: WebPerson): Promise<void> {
  const [device] = await cluster.auth.context.stores.devices.all();
  const devices = await person.client.service("devices");
  const id = device?.metadata.name ?? "";
  await devices.updateDevice({
    device: { id, enrollStatus: DeviceEnrollStatus.NOT_ENROLLED },
    updateMask: { paths: ["enroll_status"] },
  });
}

for (const [name, reason, misuse] of confirmationMisuses) {
  test(`a confirmation that ${name} is refused, spent by that, and marks nothing`, async () => {
    const started = await start();
    const { cluster, alice, token, confirm } = started;
    const confirmation = await vouch(cluster, alice, token);
    const event = "device.authenticate.confirm";
    await assertRefusal(cluster, event, reason, () => misuse(started, confirmation));
    await assertRefusal(cluster, event, "confirmation_unknown", () => confirm(confirmation));
    const stored = await cluster.auth.context.backend.range({ prefix: "/web-sessions/" });
    const text = stored.items.map(({ value }) => new TextDecoder().decode(value)).join("");
    const certificates = [...text.matchAll(/"tls":"([^"]+)"/g)].map(([, der = ""]) => der);
    for (const der of certificates) {
      assert.ok(!Buffer.from(der, "base64").includes("PF47WND6"), "a certificate is marked");
    }
    await cluster.close();
  });
}

test("only a proxy may confirm", async () => {
  const { cluster, alice, login, token, confirm } = await start();
  const confirmationToken = await vouch(cluster, alice, token);
  const request = { confirmationToken, currentWebSessionId: login.session?.id ?? "" };
  for (const client of [alice.person.client, cluster.as("Node"), cluster.as("Admin")]) {
    const devices = await client.service("devices");
    const call = devices.confirmDeviceWebAuthentication(request);
    await assert.rejects(call, (error) => isFault(error, "access-denied"));
  }
  await confirm(confirmationToken);
  await cluster.close();
});

test("unenrolling the device ends a session that it vouched for", async () => {
  const started = await start("required");
  const { cluster, alice, token, confirm } = started;
  await confirm(await vouch(cluster, alice, token));
  assert.deepEqual(await isLetIn(started), [true, true]);
  await unenroll(cluster, alice);
  assert.equal((await revocationLocks(cluster)).length, 1);
  await assert.rejects(opened(started), (error) => isFault(error, "locked"));
  await cluster.close();
});

test("a device vouches for several sessions, each with its own token", async () => {
  const { cluster, alice, login, token, confirm } = await start();
  const second = await webLogin(cluster, alice);
  const [one, two] = [
    await vouch(cluster, alice, token),
    await vouch(cluster, alice, second.deviceWebToken),
  ];
  await confirm(two, second.session?.id);
  assert.equal((await opened({ cluster, login })).identity.device, undefined);
  await confirm(one);
  assert.equal((await opened({ cluster, login })).identity.device?.assetTag, "PF47WND6");
  await cluster.close();
});
