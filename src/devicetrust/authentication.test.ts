import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { systemRandom } from "#base/random.ts";
import {
  authenticateDevice,
  collectedData,
  enrollDevice,
  loginKeys,
  openPolicy,
  recordOf,
  spkiOf,
  testNow,
} from "../../test/support/device-ceremony.ts";
import { bootEvents, digestsOf, encodeEventLog } from "../../test/support/event-log.ts";
import { assertRefused, assertRefusedLater } from "../../test/support/refusals.ts";
import { SimulatedAppleDevice, SimulatedTpmDevice } from "../../test/support/simulated-devices.ts";
import {
  type AuthenticatingDevice,
  type AuthenticationDeps,
  beginAuthentication,
  finishAuthentication,
} from "./authentication.ts";
import { signChallenge } from "./challenge-signature.ts";
import type { AuthenticateInit, AuthenticateResponse, CollectedData } from "./messages.ts";

const linux = new SimulatedTpmDevice("linux");
const record = recordOf(await enrollDevice(linux));
const keys = loginKeys();
const credentialId = await linux.findCredentialId();
const init: AuthenticateInit = { credentialId, deviceData: collectedData() };
const deps: AuthenticationDeps = {
  now: testNow,
  random: systemRandom,
  device: record,
  channelKey: keys.channelKey,
  policy: openPolicy,
};

function begin(changes: Partial<AuthenticateInit> = {}, more: Partial<AuthenticationDeps> = {}) {
  return beginAuthentication({ ...init, ...changes }, { ...deps, ...more });
}

/** A challenge and the honest answer to it. */
async function challenged(more: Partial<AuthenticationDeps> = {}) {
  const { challenge, state } = begin({}, more);
  const nonce = challenge.kind === "tpm" ? challenge.attestationNonce : assert.fail();
  const sshSignature = signChallenge(keys.sshPrivate, nonce);
  const answer = { ...(await linux.authenticate(challenge)), sshSignature };
  return { state, nonce, answer };
}

function finish(
  state: Parameters<typeof finishAuthentication>[0],
  answer: AuthenticateResponse,
  { now = testNow, sshKey = keys.sshKey as Uint8Array | undefined } = {},
) {
  return finishAuthentication(state, answer, { now, sshKey });
}

test("authenticates simulated TPM devices and gives the three fields for the certificates", async () => {
  const { device, collectedData: recorded, drift } = await authenticateDevice(linux, record);
  assert.deepEqual(device, { deviceId: record.id, assetTag: "PF47WND6", credentialId });
  assert.ok(recorded.tpmPlatformAttestation);
  assert.deepEqual(drift, []);
});

test("authenticates a simulated macOS device", async () => {
  const apple = new SimulatedAppleDevice();
  const { device, platform } = await authenticateDevice(apple, recordOf(await enrollDevice(apple)));
  assert.equal(device.credentialId, apple.credentialId);
  assert.equal(platform, undefined);
});

test("refuses a simulated macOS device that signs with another key", async () => {
  const apple = new SimulatedAppleDevice();
  const thief = new SimulatedAppleDevice();
  const enrolled = recordOf(await enrollDevice(apple));
  Object.assign(thief, { findCredentialId: () => apple.findCredentialId() });
  await assertRefusedLater("device_signature", () => authenticateDevice(thief, enrolled));
});

test("authenticates a simulated Windows device that signs with SHA-1 only where the cluster accepts it", async () => {
  const windows = new SimulatedTpmDevice("windows", { kind: "rsa", hash: 4 });
  const policy = { ...openPolicy, allowSha1OnWindows: true };
  const enrolled = recordOf(await enrollDevice(windows, { policy }));
  assert.ok(await authenticateDevice(windows, enrolled, { policy }));
  await assertRefusedLater("ak_sha1", () => authenticateDevice(windows, enrolled));
});

const recordCases: [string, Partial<AuthenticatingDevice>, Partial<CollectedData>][] = [
  ["not_enrolled", { enrolled: false }, {}],
  ["not_enrolled", { credential: undefined }, {}],
  ["other_os", { osType: "windows" }, {}],
  ["other_serial_number", { assetTag: "other" }, {}],
  ["drift", {}, { modelIdentifier: "another machine" }],
];
for (const [reason, change, data] of recordCases) {
  test(`refuses a device whose record or data says ${reason}: ${Object.keys({ ...change, ...data })}`, () => {
    const device = { ...record, ...change };
    assertRefused(reason, () => begin({ deviceData: collectedData(data) }, { device }));
  });
}

test("refuses a credential that no device has, or that this one no longer has", () => {
  assertRefused("unknown_device", () => begin({}, { device: undefined }));
  assertRefused("other_credential", () => begin({ credentialId: "older" }));
});

test("tells the peer that its credential id or device data is missing", () => {
  for (const change of [{ credentialId: "" }, { deviceData: undefined }]) {
    assert.throws(
      () => begin(change),
      (error) => isFault(error, "invalid"),
    );
  }
});

test("refuses an answer of the other kind, both ways round", async () => {
  const { state, answer } = await challenged();
  const { sshSignature } = answer;
  const signed = { kind: "key", signature: sshSignature, sshSignature } as const;
  assert.throws(
    () => finish(state, signed),
    (error) => isFault(error, "invalid"),
  );
  const apple = new SimulatedAppleDevice();
  const enrolled = recordOf(await enrollDevice(apple));
  const data = collectedData({ osType: "macos" });
  const macos = { credentialId: apple.credentialId, deviceData: data };
  const begun = begin(macos, { device: enrolled });
  assert.throws(
    () => finish(begun.state, answer),
    (error) => isFault(error, "invalid"),
  );
});

test("says the same to the peer whatever the reason", () => {
  for (const act of [
    () => begin({}, { device: undefined }),
    () => begin({}, { device: { ...record, enrolled: false } }),
  ]) {
    assert.throws(
      act,
      (error) =>
        isFault(error, "access-denied") && error.message === "device authentication refused",
    );
  }
});

test("reports an older OS version and lets it pass", async () => {
  const device = { ...record, lastCollected: collectedData({ osVersion: "13" }) };
  const { state, answer } = await challenged({ device });
  const { drift } = finish(state, answer);
  assert.deepEqual(drift, [{ field: "osVersion", before: "13", after: "12", refuses: false }]);
});

test("refuses a replayed answer, one for another stream, and one of an enrollment", async () => {
  const first = await challenged();
  const second = await challenged();
  assert.ok(finish(first.state, first.answer));
  assertRefused("challenge_spent", () => finish(first.state, first.answer));
  assertRefused("quote_nonce", () => finish(second.state, first.answer));
  const random = (length: number) => new Uint8Array(length).fill(7);
  const third = await challenged({ random });
  const fourth = await challenged({ random, channelKey: loginKeys().channelKey });
  assertRefused("quote_nonce", () => finish(fourth.state, third.answer));
});

test("refuses an answer after two minutes", async () => {
  const { state, answer } = await challenged();
  const now = new Date(testNow.getTime() + 2 * 60_000 + 1);
  assertRefused("challenge_expired", () => finish(state, answer, { now }));
});

test("refuses a quote by another TPM's key", async () => {
  const other = new SimulatedTpmDevice("linux", { kind: "rsa" });
  const { state, nonce, answer } = await challenged();
  const stolen = await other.authenticate({ kind: "tpm", attestationNonce: nonce });
  assertRefused("signature_scheme", () => finish(state, { ...answer, ...stolen }));
});

test("refuses a missing or wrong SSH signature when the keys differ", async () => {
  const missing = await challenged();
  const empty = new Uint8Array(0);
  assertRefused("ssh_signature_missing", () =>
    finish(missing.state, { ...missing.answer, sshSignature: empty }),
  );
  const wrong = await challenged();
  const signature = signChallenge(loginKeys().sshPrivate, wrong.nonce);
  assertRefused("ssh_signature", () =>
    finish(wrong.state, { ...wrong.answer, sshSignature: signature }),
  );
});

test("takes an empty SSH signature when both certificates have one key, but not a wrong one", async () => {
  const first = await challenged();
  const sshSignature = new Uint8Array(0);
  assert.ok(finish(first.state, { ...first.answer, sshSignature }, { sshKey: keys.channelKey }));
  const second = await challenged();
  assertRefused("ssh_signature", () =>
    finish(second.state, second.answer, { sshKey: keys.channelKey }),
  );
});

test("asks for no SSH signature in a web session, whose keys the server holds", async () => {
  const { state, answer } = await challenged();
  const web = { now: testNow, sshKey: undefined };
  assert.ok(finishAuthentication(state, { ...answer, sshSignature: new Uint8Array(0) }, web));
});

for (const [name, pair] of [
  ["ECDSA P-256", generateKeyPairSync("ec", { namedCurve: "P-256" })],
  ["ECDSA P-384", generateKeyPairSync("ec", { namedCurve: "P-384" })],
  ["RSA", generateKeyPairSync("rsa", { modulusLength: 2048 })],
  ["Ed25519", generateKeyPairSync("ed25519")],
] as const) {
  test(`takes the SSH signature of an ${name} key`, async () => {
    const { state, nonce, answer } = await challenged();
    const sshSignature = signChallenge(pair.privateKey, nonce);
    assert.ok(finish(state, { ...answer, sshSignature }, { sshKey: spkiOf(pair.publicKey) }));
  });
}

test("refuses an SSH signature by a key type or size that is not accepted", async () => {
  for (const pair of [
    generateKeyPairSync("rsa", { modulusLength: 1024 }),
    generateKeyPairSync("x25519"),
  ]) {
    const { state, answer } = await challenged();
    const sshKey = spkiOf(pair.publicKey);
    assertRefused("ssh_signature", () => finish(state, answer, { sshKey }));
  }
});

test("reports what the event log says without letting it decide", async () => {
  const events = bootEvents(true);
  const measured = new SimulatedTpmDevice("linux", { kind: "ecc" });
  for (const event of events) {
    for (const [hash, digest] of digestsOf(event)) measured.tpm.extend(hash, event.pcr, digest);
  }
  const log = encodeEventLog(events);
  const cases = [
    [log, "explained", "on"],
    [encodeEventLog(events.slice(1)), "unexplained", "on"],
    [log.subarray(0, 100), "unreadable", "unclear"],
    [new Uint8Array(0), "absent", "unclear"],
  ] as const;
  for (const [eventLog, verdict, secureBoot] of cases) {
    const { challenge, state } = begin();
    const proof = await measured.authenticate(challenge);
    const evidence = proof.platformParameters ?? assert.fail();
    const nonce = challenge.kind === "tpm" ? challenge.attestationNonce : assert.fail();
    const sshSignature = signChallenge(keys.sshPrivate, nonce);
    const answer = { ...proof, platformParameters: { ...evidence, eventLog }, sshSignature };
    const report = finish(state, answer).platform?.eventLog;
    assert.deepEqual([report?.verdict, report?.secureBoot], [verdict, secureBoot]);
  }
});
