import assert from "node:assert/strict";
import { test } from "node:test";
import { algorithm } from "#tpm/constants.ts";
import {
  authenticateDevice,
  collectedData,
  enrollDevice,
  recordOf,
} from "../../test/support/device-ceremony.ts";
import { SimulatedTpmDevice } from "../../test/support/simulated-devices.ts";
import type { AuthenticatingDevice } from "./authentication.ts";

async function enrolled() {
  const device = new SimulatedTpmDevice("linux");
  return { device, record: recordOf(await enrollDevice(device)) };
}

async function driftOf(device: SimulatedTpmDevice, record: AuthenticatingDevice) {
  return (await authenticateDevice(device, record)).platformDrift;
}

test("finds nothing on a machine that stayed as it was", async () => {
  const { device, record } = await enrolled();
  assert.deepEqual(await driftOf(device, record), { clock: [], changedPcrs: [] });
});

test("reports firmware, boot loader and Secure Boot changes and lets the device in", async () => {
  const { device, record } = await enrolled();
  for (const pcr of [4, 7, 9]) device.tpm.extend(algorithm.sha256, pcr, new Uint8Array(32));
  device.tpm.extend(algorithm.sha1, 0, new Uint8Array(20));
  assert.deepEqual((await driftOf(device, record)).changedPcrs, [4, 7]);
});

test("reports a clock that went back: the record is of a clone that ran longer", async () => {
  const { device, record } = await enrolled();
  device.tpm.clock.clock = 1n;
  assert.deepEqual((await driftOf(device, record)).clock, ["clock_went_back"]);
});

test("compares nothing with a record without evidence or with evidence that does not decode", async () => {
  const { device, record } = await enrolled();
  const bare = { ...record, lastCollected: collectedData() };
  assert.deepEqual(await driftOf(device, bare), { clock: [], changedPcrs: [] });
  const evidence = record.lastCollected?.tpmPlatformAttestation ?? assert.fail();
  for (const quotes of [[{ quote: new Uint8Array(3), signature: new Uint8Array(0) }], []]) {
    const platformParameters = { ...evidence.platformParameters, quotes };
    const tpmPlatformAttestation = { ...evidence, platformParameters };
    const damaged = { ...record, lastCollected: collectedData({ tpmPlatformAttestation }) };
    assert.deepEqual((await driftOf(device, damaged)).clock, []);
  }
});
