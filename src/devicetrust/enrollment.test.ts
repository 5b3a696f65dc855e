import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { Fault, isFault } from "#base/fault.ts";
import { systemRandom } from "#base/random.ts";
import { parseEndorsementAuthorities } from "#tpm/endorsement-chain.ts";
import { decodePublic, encodePublic } from "#tpm/public-area.ts";
import {
  collectedData,
  enrollDevice,
  openPolicy,
  spkiOf,
  testNow,
} from "../../test/support/device-ceremony.ts";
import {
  createTestIssuer,
  issueTestCertificate,
  toPem,
} from "../../test/support/endorsement-certificates.ts";
import { assertRefused, assertRefusedLater } from "../../test/support/refusals.ts";
import { SimulatedAppleDevice, SimulatedTpmDevice } from "../../test/support/simulated-devices.ts";
import { attestationAttributes } from "../../test/support/simulated-tpm.ts";
import { beginEnrollment, type EnrollmentDeps, finishEnrollment } from "./enrollment.ts";
import { assertNoConflict } from "./enrollment-conflict.ts";
import type { EnrollChallenge, EnrollInit, EnrollResponse } from "./messages.ts";

const channelKey = spkiOf(generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey);
const deviceData = collectedData();
const device = { id: "device-1", osType: "linux", assetTag: deviceData.serialNumber } as const;
const deps: EnrollmentDeps = {
  now: testNow,
  random: systemRandom,
  device,
  channelKey,
  policy: openPolicy,
};
const linux = new SimulatedTpmDevice("linux");

async function initOf(changes: Partial<EnrollInit> = {}, from = linux): Promise<EnrollInit> {
  return { ...(await from.enrollInit()), token: "token", deviceData, ...changes };
}

async function begin(changes: Partial<EnrollInit> = {}, more: Partial<EnrollmentDeps> = {}) {
  return beginEnrollment(await initOf(changes), { ...deps, ...more });
}

test("enrolls a simulated TPM device with an RSA key, as the official client makes it", async () => {
  const rsa = new SimulatedTpmDevice("linux", { kind: "rsa" });
  const { credential, endorsement, collectedData: recorded } = await enrollDevice(rsa);
  assert.equal(credential.deviceAttestationType, "tpm_ekpub");
  assert.deepEqual(credential.tpmAkPublic, rsa.tpm.public);
  assert.match(endorsement?.publicKeyHash ?? "", /^[0-9a-f]{64}$/);
  assert.equal(recorded.recordTime, testNow);
  assert.equal(recorded.tpmPlatformAttestation?.platformParameters.quotes.length, 2);
});

test("enrolls simulated Windows and P-256 endorsement key shapes", async () => {
  const windows = new SimulatedTpmDevice("windows", { kind: "rsa", endorsement: "ecc" });
  assert.equal((await enrollDevice(windows)).credential.id.length, 43);
});

test("refuses a simulated Windows key that signs with SHA-1 unless the cluster accepts it", async () => {
  const windows = new SimulatedTpmDevice("windows", { kind: "rsa", hash: 4 });
  await assertRefusedLater("ak_sha1", () => enrollDevice(windows));
  const policy = { ...openPolicy, allowSha1OnWindows: true };
  assert.ok(await enrollDevice(windows, { policy }));
  const onLinux = new SimulatedTpmDevice("linux", { kind: "rsa", hash: 4 });
  await assertRefusedLater("ak_sha1", () => enrollDevice(onLinux, { policy }));
});

test("enrolls simulated macOS, iOS and iPadOS devices without claiming attestation", async () => {
  for (const osType of ["macos", "ios", "ipados"] as const) {
    const apple = new SimulatedAppleDevice(osType);
    const { credential, endorsement, platform } = await enrollDevice(apple);
    assert.equal(credential.deviceAttestationType, "unspecified");
    assert.equal(credential.id, apple.credentialId);
    assert.deepEqual(credential.publicKeyDer, spkiOf(apple.publicKey));
    assert.deepEqual([endorsement, platform], [undefined, undefined]);
  }
});

test("tells the peer what is missing in the first message", async () => {
  const cases: [Partial<EnrollInit>, RegExp][] = [
    [{ token: "" }, /token is missing/],
    [{ credentialId: "" }, /credential id is missing/],
    [{ credentialId: "x".repeat(101) }, /credential id is too long/],
    [{ deviceData: undefined }, /device data is missing/],
    [{ tpm: undefined }, /needs a TPM payload/],
    [{ macos: { publicKeyDer: new Uint8Array(0) } }, /needs a TPM payload/],
    [{ deviceData: { ...deviceData, osType: "macos" } }, /needs a macOS payload/],
    [{ tpm: { ekKey: linux.tpm.endorsementSpki, attestationParameters: undefined } }, /parameters/],
  ];
  for (const [change, message] of cases) {
    await assert.rejects(
      begin(change),
      (error) => isFault(error, "invalid") && message.test(error.message),
    );
  }
});

test("tells the peer nothing about refused evidence, and the audit event everything", async () => {
  const tpm = {
    ...(await linux.enrollInit()).tpm,
    ekKey: undefined,
    attestationParameters: undefined,
  };
  await assert.rejects(begin({ tpm }), (error) => {
    assert.ok(isFault(error, "access-denied"));
    assert.equal(error.message, "device enrollment refused");
    assert.deepEqual(error.audit, { reason: "ek_missing", why: "no endorsement key" });
    return true;
  });
});

test("prefers the certificate to the bare key and tells whether its authority is listed", async () => {
  const vendor = createTestIssuer("Vendor");
  const own = { issuer: vendor, subject: vendor.name, spki: vendor.spki, isAuthority: true };
  const ekCert = issueTestCertificate({
    issuer: vendor,
    spki: linux.tpm.endorsementSpki,
    serial: 7n,
  });
  const attestationParameters = linux.tpm.attestationParameters();
  const tpm = { ekCert, ekKey: new Uint8Array(1), attestationParameters };
  const listed = parseEndorsementAuthorities([toPem(issueTestCertificate(own))]);
  for (const [authorities, type] of [
    [[], "tpm_ekcert"],
    [listed, "tpm_ekcert_trusted"],
  ] as const) {
    const policy = { ...openPolicy, endorsementAuthorities: authorities };
    const { state, challenge } = await begin({ tpm }, { policy });
    const { credential } = finish(state, await linux.solveEnroll(challenge));
    assert.deepEqual([credential.deviceAttestationType, credential.tpmEkcertSerial], [type, "07"]);
  }
});

test("refuses data about another device than the one that was found", async () => {
  const otherTag = { device: { ...device, assetTag: "other" } };
  await assertRefusedLater("other_device", () => begin({}, otherTag));
  await assertRefusedLater("other_device", () =>
    begin({}, { device: { ...device, osType: "windows" } }),
  );
});

test("refuses a credential id that is not that of the key", async () => {
  await assertRefusedLater("credential_id", () => begin({ credentialId: "x".repeat(43) }));
});

test("refuses an unrestricted key", async () => {
  const attributes = attestationAttributes & ~(1 << 16);
  const unrestricted = new SimulatedTpmDevice("linux", { attributes });
  await assertRefusedLater("ak_attributes", () => enrollDevice(unrestricted));
});

test("refuses a public area whose attributes were changed after its creation", async () => {
  const sent = linux.tpm.attestationParameters();
  const area = decodePublic(sent.public);
  const changed = encodePublic({ ...area, attributes: area.attributes | (1 << 2) });
  const attestationParameters = { ...sent, public: changed };
  const tpm = { ekKey: linux.tpm.endorsementSpki, attestationParameters };
  await assertRefusedLater("creation_name", () => begin({ tpm }));
});

async function challengeOf(changes: Partial<EnrollmentDeps> = {}) {
  const begun = await begin({}, changes);
  return { ...begun, answer: await linux.solveEnroll(begun.challenge) };
}

const finish = (
  state: Parameters<typeof finishEnrollment>[0],
  answer: EnrollResponse,
  now = testNow,
) => finishEnrollment(state, answer, { now });

test("refuses a wrong, short or empty solution: the keys are not in one TPM", async () => {
  for (const solution of [new Uint8Array(32), new Uint8Array(31), new Uint8Array(0)]) {
    const { state, answer } = await challengeOf();
    assertRefused("activation", () => finish(state, { ...answer, solution }));
  }
});

test("refuses a fabricated attestation key, whose endorsement key is in another TPM", async () => {
  const fabricated = new SimulatedTpmDevice("linux", { kind: "rsa", endorsement: "ecc" });
  const ekKey = linux.tpm.endorsementSpki;
  const attestationParameters = fabricated.tpm.attestationParameters();
  const credentialId = await fabricated.findCredentialId();
  const { state, challenge } = await begin({ credentialId, tpm: { ekKey, attestationParameters } });
  const relayed = await linux.solveEnroll(challenge);
  const own = await fabricated.authenticate(challenge as never);
  const answer = { ...relayed, platformParameters: own.platformParameters };
  assertRefused("activation", () => finish(state, answer));
});

test("refuses quotes that are missing, or answer another stream's challenge", async () => {
  const first = await challengeOf();
  const second = await challengeOf();
  const swapped = { ...first.answer, platformParameters: second.answer.platformParameters };
  assertRefused("quote_nonce", () => finish(first.state, swapped));
  const empty = { ...second.answer, platformParameters: undefined };
  assertRefused("quote_count", () => finish(second.state, empty));
});

test("refuses a challenge that was answered before, also after a failure", async () => {
  const { state, answer } = await challengeOf();
  assert.ok(finish(state, answer));
  assertRefused("challenge_spent", () => finish(state, answer));
  const failed = await challengeOf();
  const wrong = { ...failed.answer, solution: new Uint8Array(32) };
  assertRefused("activation", () => finish(failed.state, wrong));
  assertRefused("challenge_spent", () => finish(failed.state, failed.answer));
});

test("refuses an answer after five minutes", async () => {
  const { state, answer } = await challengeOf();
  const late = new Date(testNow.getTime() + 5 * 60_000 + 1);
  assertRefused("challenge_expired", () => finish(state, answer, late));
});

test("refuses an answer of the other kind", async () => {
  const { state } = await challengeOf();
  const answer = { kind: "key", signature: new Uint8Array(70) } as const;
  assert.throws(
    () => finish(state, answer),
    (error) => isFault(error, "invalid"),
  );
});

test("never makes the same challenge twice, nor the same for two channels or devices", async () => {
  const random = (length: number) => new Uint8Array(length).fill(7);
  const nonceOf = ({ challenge }: { challenge: EnrollChallenge }) =>
    Buffer.from(challenge.kind === "tpm" ? challenge.attestationNonce : assert.fail()).toString(
      "hex",
    );
  const nonces = [
    nonceOf(await begin()),
    nonceOf(await begin({}, { random })),
    nonceOf(await begin({}, { random, channelKey: channelKey.slice(1) })),
    nonceOf(await begin({}, { random, device: { ...device, id: "device-2" } })),
  ];
  assert.equal(new Set(nonces).size, nonces.length);
  assert.equal(nonceOf(await begin({}, { random })), nonces[1]);
});

test("refuses a simulated Apple key of another curve or with bytes behind it", async () => {
  const data = collectedData({ osType: "macos" });
  const target = { ...device, osType: "macos" } as const;
  const p384 = spkiOf(generateKeyPairSync("ec", { namedCurve: "P-384" }).publicKey);
  for (const publicKeyDer of [p384, new Uint8Array(0), new Uint8Array(91)]) {
    const init = { token: "t", credentialId: "c", deviceData: data, macos: { publicKeyDer } };
    assert.throws(
      () => beginEnrollment(init, { ...deps, device: target }),
      (error) => isFault(error, "invalid"),
    );
  }
});

test("refuses a simulated Apple device that signs with another key", async () => {
  const apple = new SimulatedAppleDevice();
  const thief = new SimulatedAppleDevice();
  const wrong = Object.assign(new SimulatedAppleDevice(), {
    enrollInit: () => apple.enrollInit(),
    solveEnroll: (challenge: EnrollChallenge) => thief.solveEnroll(challenge),
  });
  await assertRefusedLater("device_signature", () => enrollDevice(wrong));
});

test("refuses to share a key or a TPM between two devices, or to exchange a TPM without unenrollment", async () => {
  const enrollment = await enrollDevice(linux);
  const known = { deviceId: "a" };
  assertNoConflict(enrollment, known);
  assertNoConflict(enrollment, {
    deviceId: "a",
    holderOfCredential: "a",
    holderOfEndorsementKey: "a",
    enrolledEndorsementHash: enrollment.endorsement?.publicKeyHash,
  });
  const cases = [
    ["credential_bound", { holderOfCredential: "b" }],
    ["endorsement_key_bound", { holderOfEndorsementKey: "b" }],
    ["tpm_changed", { enrolledEndorsementHash: "00" }],
  ] as const;
  for (const [reason, binding] of cases) {
    assertRefused(reason, () => assertNoConflict(enrollment, { ...known, ...binding }));
  }
});

test("throws nothing but faults, whatever single field of the first message is damaged", async () => {
  const init = await initOf();
  const { attestationParameters: sent } = init.tpm ?? {};
  for (const field of ["public", "createData", "createAttestation", "createSignature"] as const) {
    for (const bytes of [
      new Uint8Array(0),
      new Uint8Array(600),
      sent?.createData ?? assert.fail(),
    ]) {
      if (sent?.[field] === bytes) continue;
      const attestationParameters = { ...(sent ?? assert.fail()), [field]: bytes };
      const tpm = { ...init.tpm, attestationParameters };
      await assert.rejects(begin({ tpm }), (error) => error instanceof Fault);
    }
  }
});
