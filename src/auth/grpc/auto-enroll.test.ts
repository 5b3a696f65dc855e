/**
 * Auto-enrollment over gRPC: each refusal is an event that names the field, the peer reads the same sentence for all of them,
 * and a token that nobody gave never takes a device over.
 */
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { type FaultCode, isFault } from "#base/fault.ts";
import { runEnrollment } from "#client/ceremony/enroll.ts";
import { collectedDataMessage } from "#client/ceremony/messages.ts";
import type { CollectedData } from "#devicetrust/messages.ts";
import { OSType } from "#gen/teleport/devicetrust/v1/device_pb.ts";
import { deviceDataOf, enrollAs, logIn, type Person } from "../../../test/support/auth-person.ts";
import { startTestAuth, type TestAuth } from "../../../test/support/auth-service.ts";
import { makePreference } from "../../../test/support/policy.ts";
import { SimulatedAppleDevice } from "../../../test/support/simulated-devices.ts";

const sentence = /^this device cannot enroll by itself$/;
const refused =
  (code: FaultCode, text = sentence) =>
  (error: unknown) => {
    assert.ok(isFault(error, code), String(error));
    assert.match(error.message, text);
    return true;
  };

let cluster: TestAuth;
let admin: Person;
let bob: Person;
let eve: Person;
let serial = 0;
let data: CollectedData;
let deviceId: string;
before(async () => {
  const device_trust = { mode: "required", auto_enroll: true };
  cluster = await startTestAuth({ authPreference: makePreference({ device_trust }) });
  admin = await logIn(cluster, "admin");
  bob = await logIn(cluster, "bob", { roles: ["access"] });
  eve = await logIn(cluster, "eve", { roles: ["access"] });
});
after(() => cluster.close());

/** A device of its own for each test, registered with a profile that it agrees with. */
beforeEach(async () => {
  // The log's clock runs ahead of a clock that stands by a tenth of a second at most; then events lose their order.
  cluster.clock.advance(1000);
  const serialNumber = `AUTO-${++serial}`;
  data = deviceDataOf(cluster, new SimulatedAppleDevice(), { serialNumber });
  const device = { osType: OSType.OS_TYPE_MACOS, assetTag: serialNumber };
  const devices = await admin.client.service("devices");
  deviceId = (await devices.createDevice({ device })).id;
  await setProfile({ osVersion: data.osVersion, modelIdentifier: data.modelIdentifier });
});

async function setProfile(profile: object): Promise<void> {
  const devices = await admin.client.service("devices");
  await devices.updateDevice({
    device: { id: deviceId, profile },
    updateMask: { paths: ["profile"] },
  });
}

async function askFor(person: Person, changes: Partial<CollectedData> = {}): Promise<string> {
  // Many events of one moment have no order.
  cluster.clock.advance(1000);
  const devices = await person.client.service("devices");
  const deviceData = collectedDataMessage({ ...data, ...changes });
  return (await devices.createDeviceEnrollToken({ deviceData })).token;
}

const lastToken = () => cluster.lastEvent("device.token.create");

const mismatches: readonly (readonly [string, object, Partial<CollectedData>])[] = [
  ["model_identifier", { modelIdentifier: "Mac15,3" }, {}],
  ["os_version", { osVersion: "99" }, {}],
  ["os_build", { osBuild: "23C71", osBuildSupplemental: "23C72" }, {}],
  ["os_usernames", { osUsernames: ["carol"] }, { osLoginUser: "bob" }],
  ["jamf_binary_version", { jamfBinaryVersion: "11" }, { jamfBinaryVersion: "10" }],
];
for (const [field, profile, changes] of mismatches) {
  test(`a profile with another ${field}: the event names it, the peer does not hear it`, async () => {
    await setProfile(profile);
    await assert.rejects(askFor(bob, changes), (error) => {
      assert.ok(isFault(error));
      assert.doesNotMatch(`${error.message} ${error.hint}`, new RegExp(field));
      return refused("access-denied")(error);
    });
    const event = await lastToken();
    assert.deepEqual(
      [event?.code, event?.success, event?.["reason"], event?.user],
      ["TV003I", false, `auto_enroll_${field}`, "bob"],
    );
    assert.match(
      event?.message ?? "",
      new RegExp(`^${field} is ".*", but the device profile says`),
    );
    assert.match(
      JSON.stringify(event?.["device"]),
      new RegExp(`"asset_tag":"${data.serialNumber}"`),
    );
  });
}

test("what a refusal was about stays with those who may read the audit log", async () => {
  await setProfile({ osVersion: "99" });
  // The role access may read events.
  const paul = await logIn(cluster, "paul", { roles: ["device-enroll"] });
  const id = await askFor(paul).then(
    () => assert.fail("a token was given"),
    (error) => /tctl explain (\S+)$/.exec(error.hint)?.[1] ?? assert.fail(error.hint),
  );
  const explain = async (person: Person) => {
    const service = await person.client.service("explain");
    return Buffer.from((await service.explain({ id })).event).toString();
  };
  assert.match(await explain(admin), /os_version is/);
  const told = await explain(paul);
  assert.doesNotMatch(told, /os_version|profile/);
  assert.match(told, /this device cannot enroll by itself/);
});

test("whoever is no person, and data that no device sends, are in the audit log, too", async () => {
  const bot = await logIn(cluster, "bob", { identity: { botName: "ci" } });
  await assert.rejects(askFor(bot), refused("access-denied", /^access denied$/));
  assert.equal((await lastToken())?.["reason"], "not_a_person");
  await assert.rejects(askFor(bob, { serialNumber: "" }), refused("invalid", /serial number/));
  assert.deepEqual((await lastToken())?.success, false);
});

test("a device that is not registered, and one that is enrolled, read the same", async () => {
  await assert.rejects(askFor(bob, { serialNumber: "NOSUCH" }), refused("access-denied"));
  assert.equal((await lastToken())?.message, "no device is registered for macos NOSUCH");
  await enrollAs(cluster, admin, new SimulatedAppleDevice(), { serialNumber: data.serialNumber });
  for (const person of [bob, admin]) {
    await assert.rejects(askFor(person), refused("access-denied"));
    assert.equal((await lastToken())?.["reason"], "auto_enroll_enroll_status");
  }
});

/** Lets something happen between the challenge and the answer. */
class SlowDevice extends SimulatedAppleDevice {
  readonly #meanwhile: () => Promise<void>;

  constructor(meanwhile: () => Promise<void>) {
    super();
    this.#meanwhile = meanwhile;
  }

  override async solveEnroll(challenge: Parameters<SimulatedAppleDevice["solveEnroll"]>[0]) {
    await this.#meanwhile();
    return super.solveEnroll(challenge);
  }
}

async function ownerNow(): Promise<string> {
  const devices = await admin.client.service("devices");
  return (await devices.getDevice({ deviceId })).owner;
}

/** Spends a token. */
function enroll(
  person: Person,
  token: string,
  { device = new SimulatedAppleDevice(), changes = {} as Partial<CollectedData> } = {},
) {
  // Many events of one moment have no order.
  cluster.clock.advance(1000);
  return runEnrollment(person.client.grpc, device, { ...data, ...changes }, token);
}

const lastEnroll = () => cluster.lastEvent("device.enroll");

test("of two people with a token for the same device, the first has it", async () => {
  const theirs = await askFor(bob);
  const hers = await askFor(eve);
  await enroll(bob, theirs);
  await assert.rejects(enroll(eve, hers), refused("access-denied"));
  assert.equal((await lastEnroll())?.["reason"], "auto_enroll_enroll_status");
  assert.equal(await ownerNow(), "bob");
});

test("also when both have their challenge already", async () => {
  const theirs = await askFor(bob);
  const hers = await askFor(eve);
  const device = new SlowDevice(async () => {
    await enroll(bob, theirs);
    cluster.clock.advance(1000);
  });
  await assert.rejects(enroll(eve, hers, { device }), refused("access-denied"));
  assert.equal((await lastEnroll())?.["reason"], "auto_enroll_enroll_status");
  assert.equal(await ownerNow(), "bob");
});

test("a token does not outlive what it was given for: another profile, other data, another setting", async () => {
  const { authPreference } = cluster.auth.context.stores;
  const setAuto = (auto_enroll: boolean) =>
    authPreference.modify("cluster-auth-preference", (preference) => ({
      ...preference,
      spec: { ...preference.spec, device_trust: { mode: "required", auto_enroll } },
    }));
  const spend = async (changes: Partial<CollectedData> = {}) => {
    const token = await askFor(bob);
    return async (meanwhile: Promise<unknown>) => {
      await meanwhile;
      return enroll(bob, token, { changes });
    };
  };
  const lie = await spend({ osVersion: "1" });
  await assert.rejects(lie(Promise.resolve()), refused("access-denied"));
  assert.equal((await lastEnroll())?.["reason"], "auto_enroll_os_version");
  const late = await spend();
  await assert.rejects(late(setAuto(false)), refused("access-denied"));
  assert.equal((await lastEnroll())?.["reason"], "auto_enroll_auto_enroll");
  await setAuto(true);
  const synced = await spend();
  await assert.rejects(synced(setProfile({ osVersion: "99" })), refused("access-denied"));
  assert.equal(await ownerNow(), "");
});
