/** The doctor on real TPMs (swtpm) that were cleared, exchanged, switched off or locked. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, mock, test } from "node:test";
import { isFault } from "#base/fault.ts";
import { systemRandom } from "#base/random.ts";
import { openTpm, type TpmPort } from "#client/device/open-tpm.ts";
import { TpmAuthenticator } from "#client/device/tpm-authenticator.ts";
import { openTpmTransport } from "#client/device/tpm-transport.ts";
import type { CheckResult } from "#client/doctor/check.ts";
import { checkTpm, type TpmChecksOptions } from "#client/doctor/tpm-checks.ts";
import { readHandles } from "#tpm/commands/capabilities.ts";
import { permanentHandle, wellKnown } from "#tpm/constants.ts";
import { bootEvents, encodeEventLog } from "../support/event-log.ts";
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
  measureEvent,
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

/** Makes the device's key, as an enrollment does. */
async function makeKey(place: ReturnType<typeof placeOf>): Promise<void> {
  const device = new TpmAuthenticator(place);
  await device.enrollInit();
  await device.close();
}

async function examine(place: TpmChecksOptions): Promise<Map<string, CheckResult>> {
  const results = new Map<string, CheckResult>();
  for await (const result of checkTpm(place)) results.set(result.name, result);
  return results;
}

/** What `tsh device status` says of the key: nothing when it can be used. */
async function tryKey(place: ReturnType<typeof placeOf>): Promise<string> {
  const device = new TpmAuthenticator(place);
  try {
    await device.check();
    return "";
  } catch (error) {
    assert.ok(isFault(error, "environment"), String(error));
    return error.message;
  } finally {
    await device.close();
  }
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
  assert.equal(await tryKey(place), "");
  await makeKey(place);
  assert.equal(await tryKey(place), "");
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
  assert.equal(await tryKey(place), key?.message);
  const handles = await withTpm(tpm, (client) => client.run(readHandles(wellKnown.storageRootKey)));
  assert.equal(handles.includes(wellKnown.storageRootKey), false, "a check changed the TPM");
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

test("an event log that leads to what the TPM measured is well, and one of another start is not", async () => {
  const tpm = await newTpm();
  const place = { ...placeOf(tpm), eventLogFile: join(tpm.stateDir, "event-log") };
  const boot = bootEvents(true);
  for (const event of boot) await withTpm(tpm, (client) => client.run(measureEvent(event)));
  const look = async (events: typeof boot) => {
    writeFileSync(place.eventLogFile, encodeEventLog(events));
    return (await examine(place)).get("event log");
  };
  const honest = await look(boot);
  assert.match(honest?.message ?? "", /^\d+ bytes, \d+ events, which lead to PCR 0 to 7$/);
  const other = await look(bootEvents(false));
  assert.equal(other?.outcome, "problem");
  assert.match(other.message, /^the event log does not lead to what the TPM measured: PCR 7$/);
  assert.match(other.hint ?? "", /^restart the machine; .*update its firmware/);
  await tpm.stop();
});

test("a machine without a TPM is told where to switch it on", async () => {
  const tpm = await newTpm();
  const place = placeOf(tpm);
  await tpm.stop();
  const path = join(tpm.stateDir, "tpmrm0");
  const found = (await examine({ ...place, tpm: { kind: "device", path } })).get("TPM");
  assert.equal(found?.message, `this machine has no TPM 2.0 (${path} does not exist)`);
  assert.match(found.hint ?? "", /switch the TPM on in the firmware setup/);
});

test("a TPM that another program holds: the wait is said after a second, and given up after a minute", async () => {
  const tpm = await newTpm();
  const place = placeOf(tpm);
  // It serves one connection, and keeps others waiting.
  const holder = await openTpm(place.tpm);
  const heard: boolean[] = [];
  const sent = Promise.withResolvers<void>();
  const port: TpmPort = {
    onBusy: (busy) => heard.push(busy),
    async openTransport(selection) {
      const transport = await openTpmTransport(selection);
      const transmit = (command: Uint8Array) => {
        const answer = transport.transmit(command);
        sent.resolve();
        return answer;
      };
      return { transmit, close: () => transport.close() };
    },
  };
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const examined = examine({ ...place, port });
    await sent.promise;
    mock.timers.tick(1000);
    assert.deepEqual(heard, [true]);
    mock.timers.tick(59_000);
    const found = (await examined).get("TPM");
    assert.match(found?.message ?? "", /^the TPM does not answer: it is busy, or held by another/);
    assert.match(found?.hint ?? "", /^close other programs that use the TPM/);
    assert.deepEqual(heard, [true, false]);
  } finally {
    mock.timers.reset();
    await holder.close();
  }
  assert.equal((await examine(place)).get("TPM")?.outcome, "ok");
  await tpm.stop();
});

test("a TPM that asks to repeat every command a few times is a healthy one, and one that goes on is busy", async () => {
  const tpm = await newTpm();
  const place = placeOf(tpm);
  await makeKey(place);
  const waits: number[] = [];
  const port = (repeats: number): TpmPort => ({
    wait: async (ms) => void waits.push(ms),
    async openTransport(selection) {
      const transport = await openTpmTransport(selection);
      let left = repeats;
      return {
        async transmit(command) {
          // TPM_RC_RETRY, as a TPM answers that is at work for somebody else.
          if (left-- > 0) return Uint8Array.of(0x80, 1, 0, 0, 0, 10, 0, 0, 9, 0x22);
          left = repeats;
          return transport.transmit(command);
        },
        close: () => transport.close(),
      };
    },
  });
  assert.deepEqual(outcomes(await examine({ ...place, port: port(3) })), healthy);
  assert.deepEqual(waits.slice(0, 3), [20, 40, 80]);
  const found = (await examine({ ...place, port: port(100) })).get("TPM");
  assert.match(found?.message ?? "", /RETRY/);
  assert.equal(found?.hint, "the TPM is busy: try again");
  await tpm.stop();
});
