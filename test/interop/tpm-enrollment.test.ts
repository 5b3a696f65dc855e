/** Enrollment and authentication with real TPMs (swtpm), through our client and the server's state machines. */
import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { concat } from "#base/bytes.ts";
import { isFault } from "#base/fault.ts";
import { systemRandom } from "#base/random.ts";
import { TpmAuthenticator } from "#client/device/tpm-authenticator.ts";
import type { AuthenticatingDevice } from "#devicetrust/authentication.ts";
import { assertNoConflict } from "#devicetrust/enrollment-conflict.ts";
import type { AttestedClock } from "#tpm/attest.ts";
import { readHandles } from "#tpm/commands/capabilities.ts";
import { createPrimary, flushContext } from "#tpm/commands/keys.ts";
import { permanentHandle, wellKnown } from "#tpm/constants.ts";
import { parseEndorsementAuthorities } from "#tpm/endorsement-chain.ts";
import { decodePublic, publicKeyOf } from "#tpm/public-area.ts";
import { p256EndorsementTemplate } from "#tpm/templates.ts";
import { compareClocks } from "#tpm/time-report.ts";
import {
  authenticateDevice,
  enrollDevice,
  openPolicy,
  recordOf,
  spkiOf,
} from "../support/device-ceremony.ts";
import {
  createTestIssuer,
  issueTestCertificate,
  toPem,
} from "../support/endorsement-certificates.ts";
import { withTpm } from "../support/real-tpm-key.ts";
import { assertRefused, assertRefusedLater } from "../support/refusals.ts";
import {
  createVendor,
  type ManufacturedTpm,
  manufactureTpm,
  type RunningTpm,
  removeTpms,
  startTpm,
  type TestVendor,
} from "../support/swtpm.ts";
import { clearTpm, writeNv } from "../support/tpm-provisioning.ts";

let vendor: TestVendor;
let factory: ManufacturedTpm;
let home: string;

before(async () => {
  vendor = await createVendor("enrollment");
  factory = await manufactureTpm(vendor);
  home = await mkdtemp(join(tmpdir(), "gatehouse-home-"));
});

after(async () => {
  await rm(home, { recursive: true, force: true });
  await removeTpms();
});

function authenticatorOn(tpm: RunningTpm, keyFile: string): TpmAuthenticator {
  const selection = { kind: "unix", path: tpm.socket } as const;
  return new TpmAuthenticator({
    tpm: selection,
    keyFile: join(home, keyFile),
    random: systemRandom,
  });
}

/** Runs `use` with a client on a fresh copy of the manufactured TPM. */
async function withDevice<T>(
  keyFile: string,
  use: (device: TpmAuthenticator, tpm: RunningTpm) => Promise<T>,
  stateDir = factory.stateDir,
): Promise<T> {
  const tpm = await startTpm(stateDir);
  const device = authenticatorOn(tpm, keyFile);
  try {
    return await use(device, tpm);
  } finally {
    await device.close();
    await tpm.stop();
  }
}

test("enrolls and authenticates an honest TPM whose certificate chains to an allowed authority", async () => {
  await withDevice("honest.json", async (device) => {
    const endorsementAuthorities = parseEndorsementAuthorities([vendor.issuerPem]);
    const policy = { ...openPolicy, endorsementAuthorities };
    const enrollment = await enrollDevice(device, { policy });
    assert.equal(enrollment.credential.deviceAttestationType, "tpm_ekcert_trusted");
    assert.match(enrollment.credential.tpmEkcertSerial, /^[0-9a-f]{2}(:[0-9a-f]{2})*$/);
    assert.equal(enrollment.credential.id.length, 43);
    const { platform } = enrollment;
    assert.deepEqual(new Set(platform?.pcrs.map((pcr) => pcr.hash)), new Set([0x04, 0x0b]));
    const record = recordOf(enrollment);
    const authentication = await authenticateDevice(device, record, { policy });
    assert.equal(authentication.device.credentialId, enrollment.credential.id);
    assert.equal(authentication.platform?.pcrs.length, 24);
    assert.equal(authentication.platform?.eventLog.verdict, "absent");
  });
});

test("keeps the attestation key in a private file and uses it again", async () => {
  await withDevice("again.json", async (device) => {
    const first = await enrollDevice(device);
    const again = await enrollDevice(device);
    assert.equal(again.credential.id, first.credential.id);
    const file = join(home, "again.json");
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    assert.deepEqual(
      (await readdir(home)).filter((name) => name.endsWith(".tmp")),
      [],
    );
    assert.doesNotMatch(await readFile(file, "utf8"), /PRIVATE KEY/);
  });
});

test("refuses a TPM of a vendor that the cluster does not list", async () => {
  const other = await createVendor("other");
  const endorsementAuthorities = parseEndorsementAuthorities([other.issuerPem]);
  await withDevice("untrusted.json", async (device) => {
    const policy = { ...openPolicy, endorsementAuthorities };
    await assertRefusedLater("ek_untrusted", () => enrollDevice(device, { policy }));
  });
});

test("refuses a device key that was copied to a machine with another TPM", async () => {
  const other = await manufactureTpm(vendor);
  const record = await withDevice("stolen.json", async (device) =>
    recordOf(await enrollDevice(device)),
  );
  await withDevice(
    "stolen.json",
    async (thief) => {
      await assert.rejects(
        authenticateDevice(thief, record),
        (error) => isFault(error, "environment") && error.audit["reason"] === "tpm_other",
      );
    },
    other.stateDir,
  );
});

test("explains that the TPM was cleared, and enrolls the same TPM again with a new key", async () => {
  await withDevice("cleared.json", async (device, tpm) => {
    const before = await enrollDevice(device);
    await device.close();
    await withTpm(tpm, (client) => client.run(clearTpm()));
    const again = authenticatorOn(tpm, "cleared.json");
    await assert.rejects(authenticateDevice(again, recordOf(before)), (error) => {
      assert.ok(isFault(error, "environment"));
      assert.match(error.message, /TPM was cleared/);
      assert.match(error.hint ?? "", /tsh device enroll --current-device/);
      return true;
    });
    const after = await enrollDevice(again);
    assert.notEqual(after.credential.id, before.credential.id);
    assert.equal(after.endorsement?.publicKeyHash, before.endorsement?.publicKeyHash);
    await again.close();
  });
});

test("says that a device without a key must enroll first", async () => {
  await withDevice("never.json", async (device) => {
    assert.equal(await device.findCredentialId(), undefined);
    const challenge = { kind: "tpm", attestationNonce: new Uint8Array(32) } as const;
    await assert.rejects(device.authenticate(challenge), /this device has no key/);
  });
});

test("does not sign a challenge that is meant for a bare key", async () => {
  await withDevice("kind.json", async (device) => {
    const challenge = { kind: "key", challenge: new Uint8Array(32) } as const;
    await assert.rejects(device.authenticate(challenge), (error) => isFault(error, "malformed"));
    await assert.rejects(device.solveEnroll(challenge), (error) => isFault(error, "malformed"));
  });
});

test("keeps the storage root key in the TPM and uses it at the next run", async () => {
  await withDevice("twice.json", async (device, tpm) => {
    const record = recordOf(await enrollDevice(device));
    await device.close();
    const handles = await withTpm(tpm, (client) =>
      client.run(readHandles(wellKnown.storageRootKey)),
    );
    assert.ok(handles.includes(wellKnown.storageRootKey));
    const again = authenticatorOn(tpm, "twice.json");
    assert.ok(await authenticateDevice(again, record));
    await again.close();
  });
});

test("enrolls a TPM without a certificate by its bare key, unless the cluster lists authorities", async () => {
  const bare = await manufactureTpm(vendor, { certificate: false });
  const endorsementAuthorities = parseEndorsementAuthorities([vendor.issuerPem]);
  await withDevice(
    "bare.json",
    async (device) => {
      const { credential } = await enrollDevice(device);
      assert.equal(credential.deviceAttestationType, "tpm_ekpub");
      assert.equal(credential.tpmEkcertSerial, "");
      const policy = { ...openPolicy, endorsementAuthorities };
      await assertRefusedLater("ek_certificate_required", () => enrollDevice(device, { policy }));
    },
    bare.stateDir,
  );
});

test("enrolls a TPM whose only certificate is for its P-256 endorsement key", async () => {
  const bare = await manufactureTpm(vendor, { certificate: false });
  const tpm = await startTpm(bare.stateDir);
  const issuer = createTestIssuer("P-256 Vendor");
  const authority = { issuer, subject: issuer.name, spki: issuer.spki, isAuthority: true };
  await withTpm(tpm, async (client) => {
    const template = p256EndorsementTemplate();
    const made = await client.run(createPrimary(permanentHandle.endorsement, template));
    await client.run(flushContext(made.handle));
    const spki = spkiOf(publicKeyOf(decodePublic(made.public)));
    const certificate = issueTestCertificate({ issuer, spki, usages: ["2.23.133.8.1"] });
    const padded = concat(certificate, new Uint8Array(200).fill(0xff));
    await writeNv(client, wellKnown.p256EndorsementCertificate, padded);
  });
  const device = authenticatorOn(tpm, "p256.json");
  const pem = toPem(issueTestCertificate(authority));
  const policy = { ...openPolicy, endorsementAuthorities: parseEndorsementAuthorities([pem]) };
  const { credential } = await enrollDevice(device, { policy });
  assert.equal(credential.deviceAttestationType, "tpm_ekcert_trusted");
  await device.close();
  await tpm.stop();
});

test("passes over a certificate that belongs to another key", async () => {
  const bare = await manufactureTpm(vendor, { certificate: false });
  const tpm = await startTpm(bare.stateDir);
  const issuer = createTestIssuer("Confused Vendor");
  const other = createTestIssuer("other key");
  const certificate = issueTestCertificate({ issuer, spki: other.spki });
  await withTpm(tpm, (client) => writeNv(client, wellKnown.rsaEndorsementCertificate, certificate));
  const device = authenticatorOn(tpm, "confused.json");
  assert.equal((await enrollDevice(device)).credential.deviceAttestationType, "tpm_ekpub");
  await device.close();
  await tpm.stop();
});

test("says how to switch the SHA-256 bank on when a TPM has SHA-1 only", async () => {
  const old = await manufactureTpm(vendor, { banks: "sha1" });
  await withDevice(
    "sha1.json",
    async (device) => {
      await assert.rejects(
        enrollDevice(device),
        (error) => isFault(error, "environment") && /tpm2_pcrallocate/.test(error.hint ?? ""),
      );
    },
    old.stateDir,
  );
});

test("finds that one TPM wants to be two devices", async () => {
  await withDevice("first.json", async (device, tpm) => {
    const first = await enrollDevice(device);
    const second = authenticatorOn(tpm, "second.json");
    await device.close();
    const enrollment = await enrollDevice(second);
    await second.close();
    assert.notEqual(enrollment.credential.id, first.credential.id);
    assertRefused("endorsement_key_bound", () =>
      assertNoConflict(enrollment, {
        deviceId: "device-2",
        holderOfEndorsementKey:
          enrollment.endorsement?.publicKeyHash === first.endorsement?.publicKeyHash
            ? "device-1"
            : "",
      }),
    );
  });
});

/** The attested clock of one authentication. */
async function clockOf(
  device: TpmAuthenticator,
  record: AuthenticatingDevice,
): Promise<AttestedClock> {
  const { platform } = await authenticateDevice(device, record);
  return platform?.clock ?? assert.fail();
}

test("reports a clone of a virtual TPM by its clock, and an unclean restart", async () => {
  const tpm = await startTpm(factory.stateDir);
  const device = authenticatorOn(tpm, "clone.json");
  const record = recordOf(await enrollDevice(device));
  const before = await clockOf(device, record);
  await device.close();
  await tpm.stop("SIGKILL");
  const minute = 60_000;
  const clones = await Promise.all([startTpm(tpm.stateDir), startTpm(tpm.stateDir)]);
  const [first, second] = clones.map((clone) => authenticatorOn(clone, "clone.json"));
  if (first === undefined || second === undefined) return assert.fail();
  const original = await clockOf(first, record);
  assert.ok(compareClocks(before, original, minute).includes("restarted_uncleanly"));
  // Both count from the same state; asking the first one often makes it the older.
  let later = original;
  const young = await clockOf(second, record);
  while (later.clock <= young.clock) later = await clockOf(first, record);
  assert.deepEqual(compareClocks(later, young, minute), ["clock_went_back"]);
  await Promise.all([first.close(), second.close()]);
  await Promise.all(clones.map((clone) => clone.stop()));
});
