/** A device that exists twice, over the real services: who is told, what ends, and how it comes back. */
import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { isFault } from "#base/fault.ts";
import { systemRandom } from "#base/random.ts";
import { collectedDataMessage } from "#client/ceremony/messages.ts";
import type { DeviceAuthenticator } from "#client/device/authenticator.ts";
import { EpochFile } from "#client/device/epoch-file.ts";
import { DeviceEnrollStatus } from "#gen/teleport/devicetrust/v1/device_pb.ts";
import {
  authenticateAs,
  deviceDataOf,
  enrollAs,
  logIn,
  revocationLocks,
} from "../../../test/support/auth-person.ts";
import { startTestAuth } from "../../../test/support/auth-service.ts";
import { makePreference } from "../../../test/support/policy.ts";
import { SimulatedAppleDevice } from "../../../test/support/simulated-devices.ts";

const folder = mkdtempSync(join(tmpdir(), "gatehouse-epochs-"));
after(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;

/** A simulated device with a disk: its key can be copied, and so can the file of its epochs. */
class SimulatedDisk extends SimulatedAppleDevice {
  readonly file: string;
  readonly epochs: EpochFile;
  /** The key after a new one was demanded. */
  fresh: SimulatedAppleDevice | undefined;

  constructor(file = join(folder, `${++files}.json`)) {
    super();
    this.file = file;
    this.epochs = new EpochFile(file, systemRandom);
  }

  override async enrollInit(options: { readonly fresh?: boolean } = {}) {
    if (options.fresh) this.fresh = new SimulatedAppleDevice();
    return this.fresh ? this.fresh.enrollInit() : super.enrollInit();
  }

  override solveEnroll(challenge: Parameters<SimulatedAppleDevice["solveEnroll"]>[0]) {
    return this.fresh ? this.fresh.solveEnroll(challenge) : super.solveEnroll(challenge);
  }

  /** The same key with a copy of the file. */
  copy(): DeviceAuthenticator {
    const file = join(folder, `${++files}.json`);
    copyFileSync(this.file, file);
    return {
      ...withoutEpochs(this),
      epochs: new EpochFile(file, systemRandom),
    };
  }
}

/** The same key in a client that knows nothing of epochs, as the official one. */
function withoutEpochs(device: DeviceAuthenticator): DeviceAuthenticator {
  return {
    kind: device.kind,
    osType: device.osType,
    enrollInit: (options) => device.enrollInit(options),
    solveEnroll: (challenge) => device.solveEnroll(challenge),
    findCredentialId: () => device.findCredentialId(),
    check: () => device.check(),
    authenticate: (challenge) => device.authenticate(challenge),
    close: () => device.close(),
  };
}

async function startEnrolled(device: DeviceAuthenticator = new SimulatedDisk()) {
  const authPreference = makePreference({ device_trust: { auto_enroll: true } });
  const cluster = await startTestAuth({ authPreference });
  const admin = await logIn(cluster, "admin");
  await enrollAs(cluster, admin, device);
  const devices = await admin.client.service("devices");
  const find = async () => (await devices.findDevices({ idOrTag: "PF47WND6" })).devices[0];
  return { cluster, admin, device, devices, find };
}

test("the second of two copies is told, the device is enrolled no more, and its certificates are struck", async () => {
  const device = new SimulatedDisk();
  const { cluster, admin, find } = await startEnrolled(device);
  const copy = device.copy();
  await authenticateAs(cluster, admin, device);
  await assert.rejects(authenticateAs(cluster, admin, copy), (error) => {
    assert.ok(isFault(error, "access-denied"));
    assert.equal(error.message, "this device exists twice, and is no longer enrolled");
    assert.match(error.hint ?? "", /tctl devices enroll --asset-tag=PF47WND6/);
    return true;
  });
  const event = await cluster.lastEvent("device.copied");
  assert.equal(event?.["reason"], "epoch_over");
  assert.equal((await cluster.lastEvent("device.authenticate"))?.["reason"], "epoch_over");
  assert.equal((await find())?.enrollStatus, DeviceEnrollStatus.NOT_ENROLLED);
  assert.equal((await revocationLocks(cluster)).length, 1);
  await assert.rejects(authenticateAs(cluster, admin, device), (error) =>
    isFault(error, "access-denied"),
  );
  await cluster.close();
});

test("neither copy comes back by itself, and with a token only with a new key", async () => {
  const device = new SimulatedDisk();
  const { cluster, admin, devices, find } = await startEnrolled(device);
  const copy = device.copy();
  await authenticateAs(cluster, admin, device);
  await assert.rejects(authenticateAs(cluster, admin, copy));
  const deviceData = collectedDataMessage(deviceDataOf(cluster, device));
  await assert.rejects(devices.createDeviceEnrollToken({ deviceData }), (error) =>
    isFault(error, "access-denied"),
  );
  const refused = await cluster.lastEvent("device.token.create");
  assert.equal(refused?.["reason"], "auto_enroll_copied");

  await enrollAs(cluster, admin, device);
  assert.ok(device.fresh, "the cluster demanded a new key");
  const enrolled = await find();
  assert.equal(enrolled?.enrollStatus, DeviceEnrollStatus.ENROLLED);
  assert.equal(enrolled?.credential?.id, device.fresh.credentialId);
  assert.equal((await revocationLocks(cluster)).length, 1, "the copied key stays locked");
  // The official client makes no new key by itself: it is told which file to remove.
  const official = new SimulatedAppleDevice();
  Object.defineProperty(official, "credentialId", { value: device.credentialId });
  await assert.rejects(enrollAs(cluster, admin, official), (error) => isFault(error, "conflict"));
  await cluster.close();
});

test("an epoch that has begun cannot be left out; that alone ends nothing", async () => {
  const device = new SimulatedDisk();
  const { cluster, admin, find } = await startEnrolled(device);
  await assert.rejects(authenticateAs(cluster, admin, withoutEpochs(device)), (error) => {
    assert.ok(isFault(error, "access-denied"));
    assert.match(error.message, /lost what it must show beside its key/);
    return true;
  });
  assert.equal((await cluster.lastEvent("device.authenticate"))?.["reason"], "epoch_missing");
  assert.equal((await find())?.enrollStatus, DeviceEnrollStatus.ENROLLED);
  await authenticateAs(cluster, admin, device);
  await cluster.close();
});

test("a client that knows no epochs goes on without, until one that does authenticates with its key", async () => {
  const device = new SimulatedDisk();
  const { cluster, admin } = await startEnrolled(withoutEpochs(device));
  await authenticateAs(cluster, admin, withoutEpochs(device));
  await authenticateAs(cluster, admin, withoutEpochs(device));
  await authenticateAs(cluster, admin, device);
  await authenticateAs(cluster, admin, device);
  await assert.rejects(authenticateAs(cluster, admin, withoutEpochs(device)));
  await cluster.close();
});

test("a key that was enrolled for somebody else enrolls for nobody else", async () => {
  const device = new SimulatedDisk();
  const { cluster, admin, devices, find } = await startEnrolled(device);
  const marked = await authenticateAs(cluster, admin, device);
  const bob = await logIn(cluster, "bob");
  const stored = await find();
  await devices.updateDevice({
    device: { id: stored?.id ?? "", enrollStatus: DeviceEnrollStatus.NOT_ENROLLED },
    updateMask: { paths: ["enroll_status"] },
  });
  assert.equal((await revocationLocks(cluster)).length, 1);
  await enrollAs(cluster, bob, device);
  assert.ok(device.fresh, "the cluster demanded a new key");
  assert.equal((await find())?.owner, "bob");
  assert.equal(
    (await revocationLocks(cluster)).length,
    1,
    "what the former owner has stays locked",
  );
  assert.ok(marked);
  await cluster.close();
});

test("the same person enrolls the same key again, and its lock goes", async () => {
  const device = new SimulatedDisk();
  const { cluster, admin, devices, find } = await startEnrolled(device);
  await authenticateAs(cluster, admin, device);
  const stored = await find();
  await devices.updateDevice({
    device: { id: stored?.id ?? "", enrollStatus: DeviceEnrollStatus.NOT_ENROLLED },
    updateMask: { paths: ["enroll_status"] },
  });
  await enrollAs(cluster, admin, device);
  assert.equal(device.fresh, undefined);
  assert.deepEqual(await revocationLocks(cluster), []);
  await authenticateAs(cluster, admin, device);
  await cluster.close();
});
