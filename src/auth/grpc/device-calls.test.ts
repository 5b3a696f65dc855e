/**
 * Every call of DeviceTrustService against the public API: the verbs it asks for and no others, who else may, and the
 * events it leaves. What a call does is tested in the files beside this one.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { WireType } from "@bufbuild/protobuf/wire";
import { timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { AuthClient } from "#api/client.ts";
import type { AuditEvent } from "#audit/event.ts";
import { isFault } from "#base/fault.ts";
import { DeviceOrigin, OSType } from "#gen/teleport/devicetrust/v1/device_pb.ts";
import {
  SyncInventoryRequestSchema,
  SyncInventoryStartSchema,
} from "#gen/teleport/devicetrust/v1/inventory_pb.ts";
import { DeviceTrustService, DeviceView } from "#gen/teleport/devicetrust/v1/service_pb.ts";
import { AccountUsageType } from "#gen/teleport/devicetrust/v1/usage_pb.ts";
import { parseResourceOf } from "#resource/parse.ts";
import {
  authenticateAs,
  deviceDataOf,
  enrollAs,
  logIn,
  type Person,
} from "../../../test/support/auth-person.ts";
import { startTestAuth, type TestAuth } from "../../../test/support/auth-service.ts";
import { SimulatedAppleDevice } from "../../../test/support/simulated-devices.ts";
import { addWebPerson, vouch, webLogin } from "../../../test/support/web-login.ts";

const mac = (assetTag: string) => ({ osType: OSType.OS_TYPE_MACOS, assetTag });
const jamf = { name: "jamf", origin: DeviceOrigin.JAMF };

type Call = (devices: Awaited<ReturnType<typeof devicesOf>>, deviceId: string) => Promise<unknown>;

const devicesOf = (client: AuthClient) => client.service("devices");

/** What each call needs, and a request that is good when the verbs are there. */
const ruled: Readonly<Record<string, readonly [verbs: readonly string[], call: Call]>> = {
  CreateDevice: [["create"], (devices) => devices.createDevice({ device: mac("NEW") })],
  "CreateDevice with a token": [
    ["create", "create_enroll_token"],
    (devices) => devices.createDevice({ device: mac("NEW"), createEnrollToken: true }),
  ],
  UpdateDevice: [
    ["update"],
    (devices, id) =>
      devices.updateDevice({ device: { id, owner: "bob" }, updateMask: { paths: ["owner"] } }),
  ],
  UpsertDevice: [["create", "update"], (devices) => devices.upsertDevice({ device: mac("UP") })],
  DeleteDevice: [["delete"], (devices, deviceId) => devices.deleteDevice({ deviceId })],
  FindDevices: [["list", "read"], (devices) => devices.findDevices({ idOrTag: "OLD" })],
  GetDevice: [["read"], (devices, deviceId) => devices.getDevice({ deviceId })],
  ListDevices: [["list"], (devices) => devices.listDevices({})],
  "ListDevices in full": [
    ["list", "read"],
    (devices) => devices.listDevices({ view: DeviceView.RESOURCE }),
  ],
  BulkCreateDevices: [
    ["create"],
    (devices) => devices.bulkCreateDevices({ devices: [mac("BULK")] }),
  ],
  CreateDeviceEnrollToken: [
    ["create_enroll_token"],
    (devices, deviceId) => devices.createDeviceEnrollToken({ deviceId }),
  ],
  SyncInventory: [
    ["create", "update", "delete"],
    async (devices) => {
      const sync = await devices.syncInventory();
      await sync.send({ payload: { case: "start", value: { source: jamf } } });
      assert.equal((await sync.receive())?.payload.case, "ack");
      sync.cancel();
    },
  ],
  GetDevicesUsage: [["list"], (devices) => devices.getDevicesUsage({})],
};

/** Calls that ask for no verb on `device`, or for one only in a ceremony; tested below and in device-ceremonies.test.ts. */
const others = [
  "EnrollDevice",
  "AuthenticateDevice",
  "ListDevicesByUser",
  "ConfirmDeviceWebAuthentication",
];

const denied = (error: unknown) => isFault(error, "access-denied");

/** Somebody whose only role has these verbs on devices. */
async function logInWith(cluster: TestAuth, verbs: readonly string[]): Promise<Person> {
  const name = `may-${verbs.join("-") || "nothing"}`;
  const { roles } = cluster.auth.context.stores;
  if (!(await roles.find(name))) {
    const rules = verbs.length === 0 ? [] : [{ resources: ["device"], verbs: [...verbs] }];
    const metadata = { name };
    const spec = { options: {}, allow: { rules }, deny: {} };
    await roles.create(parseResourceOf("role", { kind: "role", version: "v7", metadata, spec }));
  }
  return logIn(cluster, name, { roles: [name] });
}

test("the tables of this file name every call of the service", () => {
  const named = new Set([...Object.keys(ruled).map((name) => name.split(" ", 1)[0]), ...others]);
  const methods = DeviceTrustService.methods.map(({ name }) => name);
  assert.deepEqual([...named].sort(), methods.sort());
});

for (const [name, [verbs, call]] of Object.entries(ruled)) {
  test(`${name} asks for ${verbs.join(" and ")}, and for nothing else`, async () => {
    const cluster = await startTestAuth();
    const admin = await devicesOf(cluster.as("Admin"));
    const { id } = await admin.createDevice({ device: mac("OLD") });
    const inventory = async () => (await admin.listDevices({ view: DeviceView.RESOURCE })).devices;
    const before = await inventory();
    const allVerbs = ["list", "create", "read", "update", "delete", "create_enroll_token"];
    for (const missing of verbs) {
      const person = await logInWith(
        cluster,
        allVerbs.filter((verb) => verb !== missing),
      );
      const devices = await devicesOf(person.client);
      await assert.rejects(call(devices, id), denied, `allowed without ${missing}`);
    }
    for (const role of ["Node", "Proxy"] as const) {
      const devices = await devicesOf(cluster.as(role));
      await assert.rejects(call(devices, id), denied, `allowed to a ${role}`);
    }
    assert.deepEqual(await inventory(), before, "what was refused changed nothing");
    const person = await logInWith(cluster, verbs);
    await call(await devicesOf(person.client), id);
    await cluster.close();
  });
}

test("an inventory service may synchronise, and may call nothing else", async () => {
  const cluster = await startTestAuth();
  const admin = await devicesOf(cluster.as("Admin"));
  const { id } = await admin.createDevice({ device: mac("OLD") });
  const mdm = await devicesOf(cluster.as("MDM"));
  for (const [name, [, call]] of Object.entries(ruled)) {
    if (name === "SyncInventory") await call(mdm, id);
    else await assert.rejects(call(mdm, id), denied, name);
  }
  await assert.rejects(mdm.listDevicesByUser({}), denied);
  await cluster.close();
});

test("everybody sees their own devices, page by page, and no keys in them", async () => {
  const cluster = await startTestAuth();
  const alice = await logInWith(cluster, []);
  const admin = await devicesOf(cluster.as("Admin"));
  const { devices: made } = await admin.bulkCreateDevices({
    devices: ["A", "B", "C"].map((tag) => ({ ...mac(tag), owner: alice.identity.username })),
  });
  await admin.createDevice({ device: { ...mac("D"), owner: "somebody-else" } });
  const own = await devicesOf(alice.client);
  const seen: string[] = [];
  let pageToken = "";
  do {
    const page = await own.listDevicesByUser({ pageSize: 2, pageToken });
    assert.ok(page.devices.length <= 2);
    for (const { id, credential, profile } of page.devices) {
      assert.deepEqual([credential, profile], [undefined, undefined]);
      seen.push(id);
    }
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  assert.deepEqual(seen.sort(), made.map(({ id }) => id).sort());
  await cluster.close();
});

test("the deprecated usage call says that nothing is limited, and how many devices are enrolled", async () => {
  const cluster = await startTestAuth();
  const admin = await logIn(cluster, "admin");
  const devices = await devicesOf(admin.client);
  await devices.createDevice({ device: mac("IDLE") });
  await enrollAs(cluster, admin, new SimulatedAppleDevice());
  const usage = await devices.getDevicesUsage({});
  assert.equal(usage.accountUsageType, AccountUsageType.UNLIMITED);
  assert.deepEqual([usage.devicesInUse, usage.devicesUsageLimit], [1, 0]);
  await cluster.close();
});

test("a device made with a token has one until the time that was asked for, or is not made", async () => {
  const cluster = await startTestAuth();
  const devices = await devicesOf(cluster.as("Admin"));
  const at = (ms: number) => timestampFromDate(new Date(cluster.clock.now().getTime() + ms));
  const make = (ms: number) =>
    devices.createDevice({
      device: mac("XX1"),
      createEnrollToken: true,
      enrollTokenExpireTime: at(ms),
    });
  for (const ms of [-1000, 0, 25 * 3_600_000]) {
    await assert.rejects(make(ms), (error) => isFault(error, "invalid"));
    assert.deepEqual((await devices.listDevices({})).devices, [], "a refused call left a device");
  }
  const { enrollToken } = await make(600_000);
  assert.deepEqual(
    enrollToken?.expireTime && timestampDate(enrollToken.expireTime),
    timestampDate(at(600_000)),
  );
  await cluster.close();
});

test("devices of one call can be restored as resources, each with what the server keeps", async () => {
  const cluster = await startTestAuth();
  const devices = await devicesOf(cluster.as("Admin"));
  const id = "20ec6373-9e8e-46e0-8f1c-47ad6b06a768";
  const createTime = timestampFromDate(new Date("2023-06-21T19:44:40Z"));
  const answer = await devices.bulkCreateDevices({
    devices: [
      { ...mac("A"), id, createTime },
      { ...mac("B"), id: "none of ours" },
    ],
    createAsResource: true,
  });
  assert.deepEqual(
    answer.devices.map(({ status, id, deleted }) => [status?.code, id, deleted]),
    [
      [0, id, false],
      [3, "", false],
    ],
  );
  const stored = await devices.getDevice({ deviceId: id });
  assert.equal(stored.createTime?.seconds, createTime.seconds);
  await cluster.close();
});

test("a synchronisation of a newer client, which says which systems it covers, is served", async () => {
  const cluster = await startTestAuth();
  const sync = await (await devicesOf(cluster.as("MDM"))).syncInventory();
  const value = create(SyncInventoryStartSchema, { source: jamf });
  // A packed list of numbers.
  const data = new Uint8Array([2, 2, 3]);
  value.$unknown = [{ no: 5, wireType: WireType.LengthDelimited, data }];
  await sync.send(create(SyncInventoryRequestSchema, { payload: { case: "start", value } }));
  assert.equal((await sync.receive())?.payload.case, "ack");
  sync.cancel();
  await cluster.close();
});

/** The part of an event that all events about devices have in common. */
function shown({ event, code, user, success, device }: AuditEvent) {
  return { event, code, user, success, device };
}

test("every change leaves its event, which names code, person and device", async () => {
  const cluster = await startTestAuth();
  const admin = await logIn(cluster, "admin");
  const devices = await devicesOf(admin.client);
  const { id } = await devices.createDevice({ device: { ...mac("PF47WND6"), source: jamf } });
  const device = { device_id: id, os_type: 2, asset_tag: "PF47WND6", device_origin: 2 };
  const expectLast = async (type: string, code: string, fields: object = {}) => {
    const event = await cluster.lastEvent(type);
    assert.ok(event, `${type} is missing`);
    const expected = { event: type, code, user: "admin", success: undefined, device, ...fields };
    assert.deepEqual(shown(event), expected);
    assert.equal(event["addr.remote"], "127.0.0.1");
    cluster.clock.advance(1);
  };
  await expectLast("device.create", "TV001I");
  await devices.updateDevice({ device: { id, owner: "admin" }, updateMask: { paths: ["owner"] } });
  await expectLast("device.update", "TV007I");
  const { token } = await devices.createDeviceEnrollToken({ deviceId: id });
  await expectLast("device.token.create", "TV003I", { success: true });
  const simulated = new SimulatedAppleDevice();
  const { runEnrollment } = await import("#client/ceremony/enroll.ts");
  await runEnrollment(admin.client.grpc, simulated, deviceDataOf(cluster, simulated), token);
  const { credentialId: credential_id } = simulated;
  const enrolled = { success: true, device: { ...device, credential_id } };
  await expectLast("device.enroll", "TV005I", enrolled);
  await expectLast("device.token.spent", "TV004I", { success: true });
  await authenticateAs(cluster, admin, simulated);
  await expectLast("device.authenticate", "TV006I", enrolled);
  await devices.upsertDevice({ device: { ...mac("PF47WND6"), profile: { osVersion: "16" } } });
  await expectLast("device.update", "TV007I", { device: enrolled.device });
  await devices.deleteDevice({ deviceId: id });
  await expectLast("device.delete", "TV002I", { device: enrolled.device });
  await devices.bulkCreateDevices({ devices: [mac("BULK")] });
  const made = await cluster.lastEvent("device.create");
  assert.equal((made?.["device"] as { asset_tag?: string } | undefined)?.asset_tag, "BULK");
  await cluster.close();
});

test("the events of a browser's session and of its device have one id in common", async () => {
  const cluster = await startTestAuth();
  const web = await addWebPerson(cluster, "alice", new SimulatedAppleDevice());
  const { session, deviceWebToken } = await webLogin(cluster, web);
  const confirmation = await vouch(cluster, web, deviceWebToken);
  const confirm = {
    confirmationToken: confirmation,
    currentWebSessionId: session?.id ?? "",
  };
  const person = await devicesOf(web.person.client);
  await assert.rejects(person.confirmDeviceWebAuthentication(confirm), denied);
  await (await devicesOf(cluster.as("Proxy"))).confirmDeviceWebAuthentication(confirm);
  for (const [type, code] of [
    ["device.webtoken.create", "TV008I"],
    ["device.authenticate", "TV006I"],
    ["device.authenticate.confirm", "TV009I"],
  ] as const) {
    const event = await cluster.lastEvent(type);
    assert.deepEqual([event?.code, event?.["user"], event?.["success"]], [code, "alice", true]);
    assert.partialDeepStrictEqual(event?.["device"], {
      web_authentication: true,
      web_authentication_id: deviceWebToken?.id,
    });
  }
  await cluster.close();
});
