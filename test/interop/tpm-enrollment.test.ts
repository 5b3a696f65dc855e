/** Enrolment and authentication with real TPMs (swtpm), through our client and the server's state machines. */
import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { isFault } from "#base/fault.ts";
import { systemRandom } from "#base/random.ts";
import { TpmAuthenticator } from "#client/device/tpm-authenticator.ts";
import { parseEndorsementAuthorities } from "#tpm/endorsement-chain.ts";
import {
  authenticateDevice,
  enrollDevice,
  openPolicy,
  recordOf,
} from "../support/device-ceremony.ts";
import {
  createVendor,
  type ManufacturedTpm,
  manufactureTpm,
  type RunningTpm,
  removeTpms,
  startTpm,
  type TestVendor,
} from "../support/swtpm.ts";

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
    await assert.rejects(
      enrollDevice(device, { policy: { ...openPolicy, endorsementAuthorities } }),
      (error) => isFault(error, "access-denied") && error.audit["reason"] === "ek_untrusted",
    );
  });
});
