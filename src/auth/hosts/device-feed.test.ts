/** What services hear of the devices that they follow, and which services may. */
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { deviceFactsKind } from "#api/authority-documents.ts";
import type { AuthClient } from "#api/client.ts";
import { type FaultCode, isFault } from "#base/fault.ts";
import { deviceFactsSchema } from "#resource/device-facts.ts";
import { authenticateAs, enrollAs, logIn, type Person } from "../../../test/support/auth-person.ts";
import { startTestAuth, type TestAuth } from "../../../test/support/auth-service.ts";
import { SimulatedAppleDevice } from "../../../test/support/simulated-devices.ts";
import { mostFollowed } from "./device-feed.ts";

let cluster: TestAuth;
let admin: Person;
let serial = 0;
let deviceId: string;
let device: SimulatedAppleDevice;
let assetTag: string;
before(async () => {
  cluster = await startTestAuth();
  admin = await logIn(cluster, "admin");
});
after(() => cluster.close());

beforeEach(async () => {
  device = new SimulatedAppleDevice();
  assetTag = `SERIAL-${++serial}`;
  await enrollAs(cluster, admin, device, { serialNumber: assetTag });
  const devices = await admin.client.service("devices");
  deviceId = (await devices.findDevices({ idOrTag: assetTag })).devices[0]?.id ?? assert.fail();
});

/** A feed as a service has it open: what it is told of devices, one after the other. */
async function follow(client: AuthClient, followDevices: string[]) {
  const call = await (await client.service("agent")).watchAuthority();
  await call.send({ kinds: ["role"], followDevices });
  async function* news() {
    for await (const { update } of call) {
      if (update.case !== "change" || update.value.kind !== deviceFactsKind) continue;
      const { name, document } = update.value;
      const text = Buffer.from(document).toString();
      yield {
        id: name,
        facts: text === "" ? undefined : deviceFactsSchema.parse(JSON.parse(text)),
      };
    }
  }
  const told = news();
  const next = async () => (await told.next()).value ?? assert.fail("the feed ended");
  return { call, next };
}

async function setSpec(change: (spec: object) => object): Promise<void> {
  const { devices } = cluster.auth.context.stores;
  const stored = await devices.get(deviceId);
  const { client } = admin;
  const { encodeDevice } = await import("#api/convert/device.ts");
  const changed = { ...stored, spec: change(stored.spec) } as typeof stored;
  const service = await client.service("devices");
  await service.upsertDevice({ device: encodeDevice(changed), createAsResource: true });
}

test("facts come with the snapshot, and again when one of them changes", async () => {
  const { call, next } = await follow(cluster.as("Node"), [deviceId]);
  const first = await next();
  assert.equal(first.id, deviceId);
  const { asset_tag, os, owner, attestation, source } = first.facts ?? assert.fail();
  assert.deepEqual(
    [asset_tag, os, owner, attestation, source],
    [assetTag, "macos", "admin", "unspecified", ""],
  );
  await setSpec((spec) => ({ ...spec, owner: "bob" }));
  assert.equal((await next()).facts?.owner, "bob");
  cluster.clock.advance(60_000);
  await authenticateAs(cluster, admin, device, { serialNumber: assetTag, osVersion: "13" });
  // The record and the document are written at once, the feed looks at each.
  let later = await next();
  while (later.facts?.os_version !== "13") later = await next();
  assert.equal(Date.parse(later.facts.data_time ?? ""), cluster.clock.now().getTime());
  call.cancel();
});

test("a device that is not there, and one that is taken out, have none", async () => {
  const { call, next } = await follow(cluster.as("Db"), ["no-such-device"]);
  assert.deepEqual(await next(), { id: "no-such-device", facts: undefined });
  await call.send({ followDevices: [deviceId] });
  assert.equal((await next()).facts?.asset_tag, assetTag);
  await setSpec((spec) => ({ ...spec, enroll_status: "not_enrolled" }));
  assert.deepEqual(await next(), { id: deviceId, facts: undefined });
  call.cancel();
});

test("of a device that is forgotten nothing more is heard", async () => {
  const { call, next } = await follow(cluster.as("Kube"), [deviceId]);
  await next();
  await call.send({ forgetDevices: [deviceId] });
  // Answered in order: what comes after it was read after it.
  await call.send({ followDevices: ["marker"] });
  assert.equal((await next()).id, "marker");
  await setSpec((spec) => ({ ...spec, owner: "bob" }));
  await call.send({ followDevices: ["another"] });
  assert.equal((await next()).id, "another");
  call.cancel();
});

const refusals: readonly (readonly [string, FaultCode, string[]])[] = [
  ["an id that no device has", "invalid", ["x".repeat(37)]],
  ["an empty id", "invalid", [""]],
  ["too many", "limit", Array.from({ length: mostFollowed + 1 }, (_, index) => `id-${index}`)],
];
for (const [name, code, ids] of refusals) {
  test(`${name} ends the feed`, async () => {
    const { next } = await follow(cluster.as("Node"), ids);
    await assert.rejects(
      async () => {
        for (;;) await next();
      },
      (error) => isFault(error, code),
    );
  });
}

test("services on which no sessions run follow no devices, neither at first nor later", async () => {
  const denied = (error: unknown) => isFault(error, "access-denied");
  const first = await follow(cluster.as("Proxy"), [deviceId]);
  await assert.rejects(first.next(), denied);
  const { call, next } = await follow(cluster.as("Proxy"), []);
  await call.send({ followDevices: [deviceId] });
  await assert.rejects(next(), denied);
});
