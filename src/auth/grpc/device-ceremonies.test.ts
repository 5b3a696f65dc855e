/** The two streams over gRPC, with simulated devices: what they give, each refusal by name, and what a race leaves. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openMemoryBackend } from "#backend/memory.ts";
import { ManualClock } from "#base/clock.ts";
import { type FaultCode, isFault } from "#base/fault.ts";
import { obtainEnrollToken, runEnrollment } from "#client/ceremony/enroll.ts";
import { collectedDataMessage } from "#client/ceremony/messages.ts";
import type { DeviceAuthenticator } from "#client/device/authenticator.ts";
import { DeviceEnrollStatus } from "#gen/teleport/devicetrust/v1/device_pb.ts";
import { parseCertificate } from "#ssh/certificate.ts";
import { parseAuthorizedKey } from "#ssh/public-key.ts";
import {
  authenticateAs,
  deviceAdmin,
  deviceDataOf,
  enrollAs,
  logIn,
  type Person,
  revocationLocks,
} from "../../../test/support/auth-person.ts";
import { startTestAuth, type TestAuth } from "../../../test/support/auth-service.ts";
import { makeLock, makePreference } from "../../../test/support/policy.ts";
import {
  SimulatedAppleDevice,
  SimulatedTpmDevice,
} from "../../../test/support/simulated-devices.ts";

async function start(deviceTrust: object = {}): Promise<TestAuth> {
  return startTestAuth({ authPreference: makePreference({ device_trust: deviceTrust }) });
}

/** A cluster with an administrator and an enrolled simulated device. */
async function startEnrolled(device: DeviceAuthenticator = new SimulatedAppleDevice()) {
  const cluster = await start();
  const admin = await logIn(cluster, "admin");
  await enrollAs(cluster, admin, device);
  cluster.clock.advance(1000);
  return { cluster, admin, device, devices: await admin.client.service("devices") };
}

/** Asserts the code that the peer gets, and the reason that only the audit log has. */
async function assertRefusal(
  cluster: TestAuth,
  event: string,
  [code, reason]: readonly [FaultCode, string],
  act: () => Promise<unknown>,
): Promise<void> {
  cluster.clock.advance(1);
  await assert.rejects(act, (error) => {
    assert.ok(isFault(error, code), String(error));
    assert.ok(!error.message.includes(reason), "the reason is not for the peer");
    return true;
  });
  const last = await cluster.lastEvent(event);
  assert.equal(last?.success, false);
  assert.equal(last["reason"], reason);
}

for (const osType of ["macos", "ios", "linux", "windows"] as const) {
  test(`a simulated ${osType} device enrols and authenticates`, async () => {
    const apple = osType === "macos" || osType === "ios";
    const device = apple ? new SimulatedAppleDevice(osType) : new SimulatedTpmDevice(osType);
    const { cluster, admin, devices } = await startEnrolled(device);
    const trusted = await authenticateAs(cluster, admin, device);
    const [stored] = (await devices.findDevices({ idOrTag: "PF47WND6" })).devices;
    assert.deepEqual(trusted.identity.device, {
      deviceId: stored?.id,
      assetTag: "PF47WND6",
      credentialId: await device.findCredentialId(),
    });
    const created = await cluster.lastEvent("cert.create");
    const fields = created?.["identity"] as { device_extensions?: { asset_tag?: string } };
    assert.equal(fields.device_extensions?.asset_tag, "PF47WND6");
    await cluster.close();
  });
}

for (const sshKey of ["ed25519", "ec", "rsa", "tls"] as const) {
  test(`an SSH key of type ${sshKey} proves itself, and its certificate keeps everything but the device`, async () => {
    const { cluster, device } = await startEnrolled();
    const changes = { loginIp: "10.0.0.1", mfaVerified: "mfa-1", activeRequests: ["r1"] };
    const alice = await logIn(cluster, "alice", { sshKey, ttlMs: 3_600_000, identity: changes });
    const trusted = await authenticateAs(cluster, alice, device);
    const { device: marked, ...rest } = trusted.identity;
    assert.deepEqual(rest, alice.identity);
    assert.ok(marked);
    const [was, is] = [alice, trusted].map(({ sshCertificate }) =>
      parseCertificate(parseAuthorizedKey(sshCertificate).blob),
    );
    assert.ok(was && is);
    assert.deepEqual(is.key.blob, was.key.blob);
    assert.equal(is.validBefore, was.validBefore);
    assert.deepEqual(is.principals, was.principals);
    assert.deepEqual(is.criticalOptions, was.criticalOptions);
    const others = [...is.extensions].filter(([name]) => !name.startsWith("teleport-device-"));
    assert.deepEqual(others, [...was.extensions]);
    await cluster.close();
  });
}

test("a device that authenticates again replaces the device in the certificates", async () => {
  const { cluster, admin, device } = await startEnrolled();
  const once = await authenticateAs(cluster, admin, device);
  const other = new SimulatedTpmDevice("linux");
  await enrollAs(cluster, admin, other);
  const twice = await authenticateAs(cluster, once, other);
  assert.equal(twice.identity.device?.credentialId, await other.findCredentialId());
  await cluster.close();
});

test("one token and many devices at once, in two auth services on one store: one enrols", async () => {
  const clock = new ManualClock(new Date("2026-11-21T10:00:00Z"));
  const backend = openMemoryBackend(clock);
  const clusters = [
    await startTestAuth({}, { clock, backend }),
    await startTestAuth({}, { clock, backend }),
  ] as const;
  const people = [await logIn(clusters[0], "admin"), await logIn(clusters[1], "admin")] as const;
  const device = new SimulatedAppleDevice();
  const data = deviceDataOf({ clock }, device);
  const { token } = await obtainEnrollToken(people[0].client.grpc, data);
  const outcomes = await Promise.allSettled(
    [0, 1, 0, 1].map((i) => {
      const person = people[i as 0 | 1];
      return runEnrollment(person.client.grpc, new SimulatedAppleDevice(), data, token);
    }),
  );
  assert.equal(outcomes.filter(({ status }) => status === "fulfilled").length, 1);
  const events = await clusters[0].events.search({
    types: ["device.token.spent"],
    order: "ascending",
    limit: 10,
  });
  assert.deepEqual(events.events.map((event) => event.success).sort(), [false, false, false, true]);
  for (const cluster of clusters) await cluster.close();
  await backend.close();
});

test("enrollment is refused by name, and a token that was accepted is spent by it", async () => {
  const cluster = await start();
  const admin = await logIn(cluster, "admin");
  const device = new SimulatedAppleDevice();
  const data = deviceDataOf(cluster, device);
  const { grpc } = admin.client;
  const refuses = (
    outcome: readonly [FaultCode, string],
    who: Person,
    with_: DeviceAuthenticator,
    token: string,
    said = data,
  ) =>
    assertRefusal(cluster, "device.enroll", outcome, () =>
      runEnrollment(who.client.grpc, with_, said, token),
    );
  await refuses(["not-found", "unknown_device"], admin, device, "token");
  const { token } = await obtainEnrollToken(grpc, data);
  await refuses(["access-denied", "enroll_token_unknown"], admin, device, "guess");
  await refuses(["invalid", "bad_request"], admin, device, "");
  const stale = { ...data, collectTime: new Date(0) };
  await refuses(["invalid", "bad_request"], admin, device, token, stale);
  const nobody = await logIn(cluster, "nobody", { roles: ["access"] });
  cluster.clock.advance(1);
  await assert.rejects(runEnrollment(nobody.client.grpc, device, data, token), (error) =>
    isFault(error, "access-denied"),
  );
  const denied = await cluster.lastEvent("device.enroll");
  assert.match(denied?.message ?? "", /"enroll" on "device"/);
  const bot = await logIn(cluster, "bot", { identity: { botName: "robot" } });
  await refuses(["access-denied", "not_a_person"], bot, device, token);
  const other = { ...data, serialNumber: "OTHER1" };
  const { token: elsewhere } = await obtainEnrollToken(grpc, other);
  await refuses(["access-denied", "enroll_token_other_device"], admin, device, elsewhere);

  const forger = new SimulatedAppleDevice();
  const forged: DeviceAuthenticator = {
    ...base(device),
    solveEnroll: (challenge) => forger.solveEnroll(challenge),
  };
  await refuses(["access-denied", "device_signature"], admin, forged, token);
  await refuses(["access-denied", "enroll_token_spent"], admin, device, token);
  const { devices } = await (await admin.client.service("devices")).findDevices({
    idOrTag: data.serialNumber,
  });
  assert.equal(devices[0]?.enrollStatus, DeviceEnrollStatus.NOT_ENROLLED);
  await cluster.close();
});

test("hardware that is enrolled is neither shared nor replaced by a token alone", async () => {
  const device = new SimulatedTpmDevice("linux");
  const { cluster, admin } = await startEnrolled(device);
  const enroll = (with_: DeviceAuthenticator, changes: object) => () =>
    enrollAs(cluster, admin, with_, changes);
  const refuses = (reason: string, act: () => Promise<void>) =>
    assertRefusal(cluster, "device.enroll", ["already-exists", reason], act);
  await refuses("credential_bound", enroll(device, { serialNumber: "OTHER1" }));
  await refuses("tpm_changed", enroll(new SimulatedTpmDevice("linux", { endorsement: "ecc" }), {}));
  await enrollAs(cluster, admin, device);
  await authenticateAs(cluster, admin, device);
  await cluster.close();
});

test("another key of the same record strikes the certificates of the old one", async () => {
  const old = new SimulatedAppleDevice();
  const { cluster, admin } = await startEnrolled(old);
  const trusted = await authenticateAs(cluster, admin, old);
  await enrollAs(cluster, admin, new SimulatedAppleDevice());
  await assertRefusal(cluster, "device.authenticate", ["access-denied", "unknown_device"], () =>
    authenticateAs(cluster, admin, old),
  );
  const ping = trusted.client.service("devices").then((s) => s.listDevicesByUser({}));
  await assert.rejects(ping, (error) => isFault(error, "locked"));
  assert.equal((await revocationLocks(cluster)).length, 1);
  await cluster.close();
});

test("deletion, unenrollment and a lock end what a device may do; without certificates no lock is left", async () => {
  const { cluster, admin, device, devices } = await startEnrolled();
  const [stored] = (await devices.findDevices({ idOrTag: "PF47WND6" })).devices;
  const deviceId = stored?.id ?? "";
  const lock = makeLock({ device: deviceId });
  await cluster.auth.context.stores.locks.create(lock);
  await assertRefusal(cluster, "device.authenticate", ["access-denied", "locked"], () =>
    authenticateAs(cluster, admin, device),
  );
  await cluster.auth.context.stores.locks.delete(lock.metadata.name);
  await devices.deleteDevice({ deviceId });
  assert.deepEqual(await revocationLocks(cluster), []);
  await enrollAs(cluster, admin, device);
  const trusted = await authenticateAs(cluster, admin, device);
  await devices.deleteDevice({ deviceId: trusted.identity.device?.deviceId ?? "" });
  const call = trusted.client.service("devices").then((s) => s.listDevicesByUser({}));
  await assert.rejects(call, (error) => isFault(error, "locked"));
  const left = await revocationLocks(cluster);
  assert.equal(left[0]?.metadata.expires, trusted.identity.expires.toISOString());
  await cluster.close();
});

test("authentication is refused by name", async () => {
  const { cluster, admin, device } = await startEnrolled();
  const refuses = (
    outcome: readonly [FaultCode, string],
    who: Person,
    with_: DeviceAuthenticator = device,
    changes: object = {},
  ) =>
    assertRefusal(cluster, "device.authenticate", outcome, () =>
      authenticateAs(cluster, who, with_, changes),
    );
  const eve = await logIn(cluster, "eve");
  const denied = (reason: string) => ["access-denied", reason] as const;
  await refuses(denied("unknown_device"), admin, new SimulatedAppleDevice());
  await refuses(denied("other_serial_number"), admin, device, { serialNumber: "X" });
  await refuses(denied("other_os"), admin, device, { osType: "ios" });
  await refuses(denied("drift"), admin, device, { modelIdentifier: "other" });
  await refuses(["invalid", "ssh_certificate_missing"], { ...admin, sshCertificate: "" });
  const { sshCertificate } = eve;
  await refuses(denied("other_user"), { ...admin, sshCertificate });
  await refuses(denied("ssh_certificate"), { ...admin, sshCertificate: "ssh-ed25519 AAAA" });
  const foreign = await start();
  const stranger = await logIn(foreign, "admin");
  await refuses(denied("ssh_certificate"), { ...admin, sshCertificate: stranger.sshCertificate });
  await foreign.close();
  const none = () => new Uint8Array();
  await refuses(denied("ssh_signature_missing"), { ...admin, signWithSshKey: none });
  await refuses(denied("ssh_signature"), { ...admin, signWithSshKey: eve.signWithSshKey });
  const forger = new SimulatedAppleDevice();
  const forged = { ...base(device), authenticate: forger.authenticate.bind(forger) };
  await refuses(denied("device_signature"), admin, forged);
  const bot = await logIn(cluster, "bot", { identity: { botName: "robot" } });
  await refuses(denied("not_a_person"), bot);
  const other = await logIn(cluster, "other", { identity: { impersonator: "root" } });
  await refuses(denied("not_a_person"), other);
  const fixed = await logIn(cluster, "fixed", { identity: { disallowReissue: true } });
  await refuses(denied("no_reissue"), fixed);
  await cluster.close();
});

test("an SSH certificate that has expired is refused although the connection is good", async () => {
  const { cluster, device } = await startEnrolled();
  const brief = await logIn(cluster, "alice", { ttlMs: 60_000 });
  const long = await logIn(cluster, "alice", { ttlMs: 3_600_000 });
  cluster.clock.advance(60_000);
  const mixed = { ...long, sshCertificate: brief.sshCertificate };
  await assertRefusal(cluster, "device.authenticate", ["access-denied", "ssh_certificate"], () =>
    authenticateAs(cluster, mixed, device),
  );
  await cluster.close();
});

test("where device trust is off nobody authenticates, and enrollment still works", async () => {
  const cluster = await start({ mode: "off" });
  const admin = await logIn(cluster, "admin");
  const device = new SimulatedAppleDevice();
  await enrollAs(cluster, admin, device);
  await assertRefusal(cluster, "device.authenticate", ["access-denied", "device_trust_off"], () =>
    authenticateAs(cluster, admin, device),
  );
  await cluster.close();
});

test("no device mode keeps an untrusted person from the auth API: the first device could never enrol", async () => {
  const cluster = await start({ mode: "required" });
  const roles = [...deviceAdmin, "require-trusted-device"];
  const admin = await logIn(cluster, "admin", { roles });
  const device = new SimulatedAppleDevice();
  await enrollAs(cluster, admin, device);
  assert.ok((await authenticateAs(cluster, admin, device)).identity.device);
  await cluster.close();
});

test("an older system is let in and written down", async () => {
  const { cluster, admin, device } = await startEnrolled();
  await authenticateAs(cluster, admin, device, { osVersion: "11" });
  assert.match((await cluster.lastEvent("device.drift"))?.message ?? "", /osVersion was "12"/);
  await cluster.close();
});

test("the last ten authentications are kept beside the enrollment", async () => {
  const { cluster, admin, device, devices } = await startEnrolled();
  for (let i = 0; i < 12; i++)
    await authenticateAs(cluster, admin, device, { osUsername: `u${i}` });
  const [stored] = (await devices.findDevices({ idOrTag: "PF47WND6" })).devices;
  assert.deepEqual(
    stored?.collectedData.map(({ osUsername }) => osUsername),
    ["alice", ...Array.from({ length: 10 }, (_, i) => `u${i + 2}`)],
  );
  await cluster.close();
});

test("messages out of order end the ceremony", async () => {
  const { cluster, admin, device, devices } = await startEnrolled();
  const data = collectedDataMessage(deviceDataOf(cluster, device));
  const answer = { case: "challengeResponse", value: { signature: new Uint8Array(64) } } as const;
  const invalid = (error: unknown) => isFault(error, "invalid");

  const early = await devices.authenticateDevice();
  await early.send({ payload: answer });
  await assert.rejects(early.receive(), invalid);

  const init = {
    case: "init",
    value: {
      credentialId: (await device.findCredentialId()) ?? "",
      deviceData: data,
      userCertificates: { sshAuthorizedKey: Buffer.from(admin.sshCertificate) },
    },
  } as const;
  const again = await devices.authenticateDevice();
  await again.send({ payload: init });
  await again.receive();
  await again.send({ payload: init });
  await assert.rejects(again.receive(), invalid);

  const wrongKind = await devices.authenticateDevice();
  await wrongKind.send({ payload: init });
  await wrongKind.receive();
  await wrongKind.send({ payload: { case: "tpmChallengeResponse", value: {} } });
  await assert.rejects(wrongKind.receive(), invalid);

  const left = await devices.authenticateDevice();
  await left.send({ payload: init });
  await left.receive();
  cluster.clock.advance(1);
  left.finishSending();
  await assert.rejects(left.receive(), invalid);
  assert.equal((await cluster.lastEvent("device.authenticate"))?.["reason"], "aborted");

  const empty = await devices.enrollDevice();
  await empty.send({});
  await assert.rejects(empty.receive(), invalid);
  await cluster.close();
});

test("an event log or a message that is too long is refused before it is looked at", async () => {
  const device = new SimulatedTpmDevice("linux");
  const { cluster, admin } = await startEnrolled(device);
  const bloated = (size: number): DeviceAuthenticator => ({
    ...base(device),
    async authenticate(challenge) {
      const proof = await device.authenticate(challenge);
      assert.ok(proof.platformParameters);
      const eventLog = new Uint8Array(size);
      return { ...proof, platformParameters: { ...proof.platformParameters, eventLog } };
    },
  });
  for (const [size, code] of [
    [1024 * 1024 + 1, "access-denied"],
    [5 * 1024 * 1024, "limit"],
  ] as const) {
    await assert.rejects(authenticateAs(cluster, admin, bloated(size)), (error) =>
      isFault(error, code),
    );
  }
  await authenticateAs(cluster, admin, device);
  await cluster.close();
});

test("who does not answer in time is let go, and it is written down", async () => {
  const { cluster, device } = await startEnrolled();
  const limits = { enrollMs: 30, authenticateMs: 30 };
  const slow = await logIn(cluster, "slow", { limits });
  const devices = await slow.client.service("devices");
  const call = await devices.enrollDevice();
  await assert.rejects(call.receive(), (error) => isFault(error, "timeout"));
  assert.equal((await cluster.lastEvent("device.enroll"))?.["reason"], "timeout");
  cluster.clock.advance(1);
  const never: DeviceAuthenticator = { ...base(device), authenticate: () => new Promise(() => {}) };
  const waiting = await devices.authenticateDevice();
  await waiting.send({
    payload: {
      case: "init",
      value: {
        credentialId: (await never.findCredentialId()) ?? "",
        deviceData: collectedDataMessage(deviceDataOf(cluster, device)),
        userCertificates: { sshAuthorizedKey: Buffer.from(slow.sshCertificate) },
      },
    },
  });
  assert.ok(await waiting.receive());
  await assert.rejects(waiting.receive(), (error) => isFault(error, "timeout"));
  assert.equal((await cluster.lastEvent("device.authenticate"))?.["reason"], "timeout");
  await cluster.close();
});

test("an answer in one stream is worth nothing in another", async () => {
  const { cluster, admin, device } = await startEnrolled();
  let stolen: Awaited<ReturnType<DeviceAuthenticator["authenticate"]>> | undefined;
  await authenticateAs(cluster, admin, {
    ...base(device),
    async authenticate(challenge) {
      stolen = await device.authenticate(challenge);
      return stolen;
    },
  });
  const replaying: DeviceAuthenticator = {
    ...base(device),
    async authenticate() {
      assert.ok(stolen);
      return stolen;
    },
  };
  await assertRefusal(cluster, "device.authenticate", ["access-denied", "device_signature"], () =>
    authenticateAs(cluster, admin, replaying),
  );
  await cluster.close();
});

test("a device that is unenrolled between challenge and answer gets nothing", async () => {
  const { cluster, admin, device, devices } = await startEnrolled();
  const [stored] = (await devices.findDevices({ idOrTag: "PF47WND6" })).devices;
  const enrollStatus = DeviceEnrollStatus.NOT_ENROLLED;
  const racing: DeviceAuthenticator = {
    ...base(device),
    async authenticate(challenge) {
      await devices.updateDevice({
        device: { id: stored?.id ?? "", enrollStatus },
        updateMask: { paths: ["enroll_status"] },
      });
      return device.authenticate(challenge);
    },
  };
  await assertRefusal(cluster, "device.authenticate", ["access-denied", "not_enrolled"], () =>
    authenticateAs(cluster, admin, racing),
  );
  await cluster.close();
});

test("a service of the cluster and a stranger are no devices' users", async () => {
  const { cluster } = await startEnrolled();
  for (const client of [cluster.as("Node"), cluster.as("Admin")]) {
    const call = await (await client.service("devices")).enrollDevice();
    await call.send({ payload: { case: "init", value: {} } });
    await assert.rejects(call.receive(), (error) => isFault(error, "access-denied"));
  }
  await cluster.close();
});

/** A device with its methods bound, to override one of them. */
function base(device: DeviceAuthenticator): DeviceAuthenticator {
  return {
    kind: device.kind,
    osType: device.osType,
    enrollInit: () => device.enrollInit(),
    solveEnroll: (challenge) => device.solveEnroll(challenge),
    findCredentialId: () => device.findCredentialId(),
    check: () => device.check(),
    authenticate: (challenge) => device.authenticate(challenge),
    close: () => device.close(),
  };
}
