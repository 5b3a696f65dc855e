/** The doctor on real TPMs (swtpm) that were cleared, exchanged, switched off or locked. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { systemRandom } from "#base/random.ts";
import { TpmAuthenticator } from "#client/device/tpm-authenticator.ts";
import type { CheckResult } from "#client/doctor/check.ts";
import { checkTpm } from "#client/doctor/tpm-checks.ts";
import { readHandles } from "#tpm/commands/capabilities.ts";
import { permanentHandle, wellKnown } from "#tpm/constants.ts";
import { withTpm } from "../support/real-tpm-key.ts";
import {
  createVendor,
  manufactureTpm,
  type RunningTpm,
  removeTpms,
  startTpm,
  type TestVendor,
} from "../support/swtpm.ts";
import {
  clearTpm,
  keepUnprotectedStorageRoot,
  lockOutAtOnce,
  switchHierarchyOff,
} from "../support/tpm-provisioning.ts";

let vendor: TestVendor;
before(async () => {
  vendor = await createVendor("doctor");
});
after(removeTpms);

async function newTpm(banks = "sha1,sha256"): Promise<RunningTpm> {
  return startTpm((await manufactureTpm(vendor, { banks })).stateDir);
}

function placeOf(tpm: RunningTpm) {
  return {
    tpm: { kind: "unix", path: tpm.socket },
    keyFile: join(tpm.stateDir, "attestation-key.json"),
    random: systemRandom,
  } as const;
}

/** Makes the device's key, as an enrolment does. */
async function makeKey(place: ReturnType<typeof placeOf>): Promise<void> {
  const device = new TpmAuthenticator(place);
  await device.enrollInit();
  await device.close();
}

async function examine(place: ReturnType<typeof placeOf>): Promise<Map<string, CheckResult>> {
  const results = new Map<string, CheckResult>();
  for await (const result of checkTpm(place)) results.set(result.name, result);
  return results;
}

function outcomes(results: ReadonlyMap<string, CheckResult>): Record<string, string> {
  return Object.fromEntries([...results].map(([name, { outcome }]) => [name, outcome]));
}

const healthy = {
  TPM: "ok",
  "PCR banks": "ok",
  "TPM hierarchies": "ok",
  "device key": "ok",
  "event log": "skipped",
};

test("a TPM that is well, before and after its key is made", async () => {
  const tpm = await newTpm();
  const place = placeOf(tpm);
  assert.deepEqual(outcomes(await examine(place)), { ...healthy, "device key": "skipped" });
  const handles = await withTpm(tpm, (client) => client.run(readHandles(wellKnown.storageRootKey)));
  const left = handles.includes(wellKnown.storageRootKey);
  assert.equal(left, false, "the doctor left something in the TPM");
  await makeKey(place);
  const results = await examine(place);
  assert.deepEqual(outcomes(results), healthy);
  assert.match(results.get("TPM hierarchies")?.message ?? "", /with a certificate of its maker/);
  await tpm.stop();
});

test("a TPM that was cleared has lost the key, and enrolls again", async () => {
  const tpm = await newTpm();
  const place = placeOf(tpm);
  await makeKey(place);
  await withTpm(tpm, (client) => client.run(clearTpm()));
  const results = await examine(place);
  assert.deepEqual(outcomes(results), { ...healthy, "device key": "problem" });
  const key = results.get("device key");
  assert.equal(key?.message, "the TPM was cleared since this device was enrolled");
  assert.match(key?.hint ?? "", /tsh device enroll --current-device/);
  await tpm.stop();
});

test("a key file of another TPM is stale", async () => {
  const [first, second] = [await newTpm(), await newTpm()];
  const { keyFile } = placeOf(first);
  await makeKey(placeOf(first));
  const key = (await examine({ ...placeOf(second), keyFile })).get("device key");
  assert.equal(key?.message, "the device key in this profile belongs to another TPM");
  assert.match(key?.hint ?? "", /keys cannot be moved to another machine/);
  await Promise.all([first.stop(), second.stop()]);
});

for (const hierarchy of ["endorsement", "owner"] as const) {
  test(`a TPM whose ${hierarchy} hierarchy is off is told where to switch it on`, async () => {
    const tpm = await newTpm();
    const off = switchHierarchyOff(permanentHandle[hierarchy]);
    await withTpm(tpm, (client) => client.run(off));
    const found = (await examine(placeOf(tpm))).get("TPM hierarchies");
    assert.equal(found?.outcome, "problem");
    assert.match(found.message, /HIERARCHY/);
    assert.match(found.hint ?? "", /switch the owner and endorsement hierarchies on/);
    await tpm.stop();
  });
}

test("a TPM that is locked after wrong passwords is told how to unlock it", async () => {
  const tpm = await newTpm();
  const place = placeOf(tpm);
  await withTpm(tpm, keepUnprotectedStorageRoot);
  await makeKey(place);
  assert.equal((await examine(place)).get("device key")?.outcome, "ok");
  await withTpm(tpm, (client) => client.run(lockOutAtOnce()));
  const key = (await examine(place)).get("device key");
  assert.equal(key?.outcome, "problem");
  assert.match(key.message, /LOCKOUT/);
  assert.match(key.hint ?? "", /tpm2_dictionarylockout/);
  await tpm.stop();
});

test("a TPM whose SHA-256 bank is off is told how to switch it on", async () => {
  const tpm = await newTpm("sha1");
  const found = (await examine(placeOf(tpm))).get("PCR banks");
  assert.equal(found?.outcome, "problem");
  assert.match(found.hint ?? "", /tpm2_pcrallocate sha256:all/);
  await tpm.stop();
});
