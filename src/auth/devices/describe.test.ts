/** What owners, administrators and everybody else learn about a device, and what a prober of serial numbers does not. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { isFault } from "#base/fault.ts";
import { DeviceOwner } from "#gen/gatehouse/v1/admin_pb.ts";
import { parseResourceOf } from "#resource/parse.ts";
import { authenticateAs, enrollAs, logIn, type Person } from "../../../test/support/auth-person.ts";
import { startTestAuth, type TestAuth } from "../../../test/support/auth-service.ts";
import { SimulatedTpmDevice } from "../../../test/support/simulated-devices.ts";
import { questionBudget } from "./describe.ts";

const assetTag = "PF47WND6";
const question = { osType: "linux", assetTag, credentialId: "" };

let cluster: TestAuth;
let owner: Person;
let credentialId: string;
before(async () => {
  cluster = await startTestAuth();
  const device = new SimulatedTpmDevice("linux");
  owner = await logIn(cluster, "olga", { roles: ["access", "device-admin"] });
  await enrollAs(cluster, owner, device);
  cluster.clock.advance(60_000);
  await authenticateAs(cluster, owner, device);
  credentialId = (await device.findCredentialId()) ?? "";
  // From here on olga is an ordinary person.
  owner = await logIn(cluster, "olga", { identity: { roles: ["access"] } });
});
after(() => cluster.close());

const ask = async (person: Person, changes: Partial<typeof question> = {}) =>
  (await person.client.service("explain")).describeDevice({ ...question, ...changes });

test("the owner learns everything, without a permission", async () => {
  const answer = await ask(owner, { credentialId });
  assert.deepEqual(
    [answer.registered, answer.enrolled, answer.owner, answer.credentialMatches, answer.lock],
    [true, true, DeviceOwner.CALLER, true, ""],
  );
  const { details } = answer;
  assert.deepEqual([details?.owner, details?.credentialId], ["olga", credentialId]);
  assert.equal(Number(details?.lastAuthenticated?.seconds) * 1000, cluster.clock.now().getTime());
  assert.deepEqual([answer.mayEnroll, answer.mayEnrollAlone], [false, false]);
});

test("another key than the enrolled one is told apart", async () => {
  assert.equal((await ask(owner, { credentialId: "0".repeat(64) })).credentialMatches, false);
  assert.equal((await ask(owner)).credentialMatches, false);
});

test("whoever may read devices learns the owner's name", async () => {
  const admin = await logIn(cluster, "adam", { roles: ["device-admin"] });
  const answer = await ask(admin);
  assert.deepEqual(
    [answer.owner, answer.details?.owner, answer.mayEnrollAlone],
    [DeviceOwner.SOMEBODY_ELSE, "olga", true],
  );
});

test("everybody else learns that the device is enrolled by somebody else: no name, no key, no time", async () => {
  const mallory = await logIn(cluster, "mallory", { roles: ["access"] });
  const answer = await ask(mallory);
  assert.deepEqual(
    [answer.registered, answer.enrolled, answer.owner, answer.details, answer.lock],
    [true, true, DeviceOwner.SOMEBODY_ELSE, undefined, ""],
  );
  const unknown = await ask(mallory, { assetTag: "NOSUCH" });
  assert.deepEqual(
    [unknown.registered, unknown.enrolled, unknown.owner, unknown.details],
    [false, false, DeviceOwner.UNSPECIFIED, undefined],
  );
});

test("trying serial numbers ends soon, is in the audit log, and does not keep the prober from their own device", async () => {
  const prober = await logIn(cluster, "paula", { roles: ["access"] });
  for (let index = 0; index < questionBudget.burst; index++) {
    await ask(prober, { assetTag: `SERIAL-${index}` });
  }
  // A device that is there and one that is not are refused alike.
  for (const tag of ["SERIAL-X", assetTag]) {
    await assert.rejects(ask(prober, { assetTag: tag }), (error) =>
      isFault(error, "access-denied"),
    );
  }
  const event = await cluster.lastEvent("access.denied");
  assert.equal(event?.["user"], "paula");
  assert.match(String(event?.["rpc"]), /DescribeDevice$/);
  // Without a serial number the question is about themselves; the right key proves that they have seen the device.
  assert.equal((await ask(prober, { assetTag: "" })).registered, false);
  const held = await ask(prober, { credentialId });
  assert.deepEqual([held.enrolled, held.credentialMatches, held.details], [true, true, undefined]);
  cluster.clock.advance(questionBudget.refillMs);
  assert.equal((await ask(prober, { assetTag: "SERIAL-Y" })).registered, false);
  await assert.rejects(ask(prober, { assetTag: "SERIAL-Z" }), (error) =>
    isFault(error, "access-denied"),
  );
});

test("questions about their own device cost the owner nothing", async () => {
  for (let index = 0; index <= questionBudget.burst; index++) await ask(owner);
});

test("a question that no device asks is refused", async () => {
  for (const wrong of [
    { osType: "plan9" },
    { osType: "" },
    { osType: "__proto__" },
    { assetTag: "x".repeat(257) },
    { credentialId: "x".repeat(257) },
  ]) {
    await assert.rejects(ask(owner, wrong), (error) => isFault(error, "invalid"));
  }
});

test("a lock on the device is told to its owner, and to nobody else", async () => {
  const device = (await cluster.auth.context.stores.devices.all())[0];
  const lock = parseResourceOf("lock", {
    kind: "lock",
    metadata: { name: "stolen" },
    spec: { target: { device: device?.metadata.name }, message: "stolen" },
  });
  await cluster.auth.context.stores.locks.create(lock);
  assert.match((await ask(owner)).lock, /^lock targeting Device:.* is in force: stolen$/);
  const nosy = await logIn(cluster, "nora", { roles: ["access"] });
  assert.equal((await ask(nosy)).lock, "");
  await cluster.auth.context.stores.locks.delete("stolen");
});

test("a device that is not registered can be enrolled alone only by those who may register it", async () => {
  const verbs = ["list", "read", "create_enroll_token", "enroll"];
  await cluster.auth.context.stores.roles.create(
    parseResourceOf("role", {
      kind: "role",
      version: "v7",
      metadata: { name: "no-create" },
      spec: { allow: { rules: [{ resources: ["device"], verbs }] } },
    }),
  );
  const helper = await logIn(cluster, "hanna", { roles: ["no-create"] });
  assert.equal((await ask(helper)).mayEnrollAlone, true);
  assert.equal((await ask(helper, { assetTag: "NOSUCH" })).mayEnrollAlone, false);
});

test("roles and cluster that demand a device are named; bots may not enroll", async () => {
  const roles = ["access", "require-trusted-device", "device-enroll"];
  const alice = await logIn(cluster, "alice", { roles });
  const answer = await ask(alice, { assetTag: "" });
  assert.deepEqual(
    answer.demandingRoles.map(({ role, mode }) => [role, mode]),
    [["require-trusted-device", "required"]],
  );
  assert.deepEqual([answer.clusterMode, answer.clusterDemands], ["optional", false]);
  assert.deepEqual([answer.mayEnroll, answer.mayEnrollAlone], [true, false]);
  const bot = await logIn(cluster, "alice", { identity: { botName: "ci" } });
  assert.equal((await ask(bot, { assetTag: "" })).mayEnroll, false);
});

test("posture rules that a device does not meet are told to its owner, with facts and what helps", async () => {
  const { authPreference } = cluster.auth.context.stores;
  const setRules = (posture: { rule: string; message?: string }[]) =>
    authPreference.modify("cluster-auth-preference", (preference) => ({
      ...preference,
      spec: { ...preference.spec, device_trust: { posture } },
    }));
  const before = await ask(owner, { credentialId });
  assert.deepEqual([before.unmetRules, before.clusterDemands], [[], false]);
  await setRules([
    { rule: 'device.os == "linux"' },
    { rule: 'version_at_least(device.os_version, "99")', message: "Upgrade first." },
  ]);
  const { unmetRules, clusterDemands } = await ask(owner, { credentialId });
  assert.equal(clusterDemands, true);
  assert.deepEqual(
    unmetRules.map(({ role, rule, message }) => [role, rule, message]),
    [["", 'version_at_least(device.os_version, "99")', "Upgrade first."]],
  );
  assert.match(unmetRules[0]?.facts.join() ?? "", /^device\.os_version is "/);
  assert.match(unmetRules[0]?.remedies.join() ?? "", /^update the operating system/);
  const stranger = await logIn(cluster, "stan", { roles: ["access"] });
  assert.deepEqual((await ask(stranger)).unmetRules, []);
  await setRules([{ rule: 'device.os == "linux"' }]);
  assert.deepEqual((await ask(owner)).unmetRules, []);
});

test("the cluster's own demand follows its mode, and automatic enrollment ends where device trust is off", async () => {
  const { authPreference } = cluster.auth.context.stores;
  const demandOf = async (mode: "off" | "required-for-humans") => {
    await authPreference.modify("cluster-auth-preference", (preference) => ({
      ...preference,
      spec: { ...preference.spec, device_trust: { mode, auto_enroll: true } },
    }));
    const { clusterMode, clusterDemands, autoEnroll } = await ask(owner);
    return [clusterMode, clusterDemands, autoEnroll];
  };
  assert.deepEqual(await demandOf("required-for-humans"), ["required-for-humans", true, true]);
  assert.deepEqual(await demandOf("off"), ["off", false, false]);
});
