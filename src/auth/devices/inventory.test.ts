/** The inventory keeps documents, records and indexes together, whoever writes at the same time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { openMemoryBackend } from "#backend/memory.ts";
import { ManualClock } from "#base/clock.ts";
import { isFault } from "#base/fault.ts";
import { uuid } from "#base/random.ts";
import { ListDevicesResponseSchema } from "#gen/teleport/devicetrust/v1/service_pb.ts";
import type { Device, OsType } from "#resource/device.ts";
import { parseResourceOf } from "#resource/parse.ts";
import { openStores } from "../store/stores.ts";
import { type DeviceRecord, emptyRecord, indexKeys } from "./device-state.ts";
import { DeviceInventory } from "./inventory.ts";
import { listRows, settleRows } from "./rows.ts";
import { listMessage } from "./views.ts";

const start = new Date("2026-11-21T10:00:00Z");
const quiet = async () => {};

function open() {
  const clock = new ManualClock(start);
  const backend = openMemoryBackend(clock);
  const context = { backend, clock, stores: openStores(backend, clock) };
  return { ...context, inventory: new DeviceInventory(context) };
}

function deviceOf(tag: string, os: OsType = "macos", id = uuid()): Device {
  return parseResourceOf("device", {
    kind: "device",
    version: "v1",
    metadata: { name: id },
    spec: { os_type: os, asset_tag: tag, enroll_status: "not_enrolled" },
  });
}

function enrolled(device: Device, credential: string, owner = "alice"): Device {
  const spec = { ...device.spec, enroll_status: "enrolled" as const, owner };
  return {
    ...device,
    spec: { ...spec, credential: { id: credential, device_attestation_type: undefined } },
  };
}

async function indexItems({ backend }: ReturnType<typeof open>) {
  const { items } = await backend.range({ prefix: "/devices/" });
  return new Map(
    items
      .filter(({ key }) => !/^\/devices\/(?:records|rows)\//.test(key))
      .map(({ key, value }) => [key, new TextDecoder().decode(value)]),
  );
}

test("a device is found by id, by system and tag, by credential and by owner", async () => {
  const parts = open();
  const { inventory } = parts;
  const mac = await inventory.create(deviceOf("XX1"), "admin", quiet);
  const linux = await inventory.create(deviceOf("XX1", "linux"), "admin", quiet);
  const { name } = mac.device.metadata;
  await inventory.modify(name, "admin", ({ device, record }) => {
    return { device: enrolled(device, "key/+1"), record };
  });
  assert.equal((await inventory.get(name)).device.spec.owner, "alice");
  assert.equal(
    (await inventory.findByTag("linux", "XX1"))?.device.metadata.name,
    linux.device.metadata.name,
  );
  assert.equal(await inventory.findByTag("windows", "XX1"), undefined);
  assert.equal((await inventory.findByCredential("key/+1"))?.device.metadata.name, name);
  assert.equal((await inventory.findAll("XX1")).length, 2);
  assert.equal((await inventory.findAll(name)).length, 1);
  assert.deepEqual(await inventory.findAll(""), []);
  const owned = await inventory.listOwned("alice", { limit: 10 });
  assert.deepEqual(
    owned.states.map((state) => state.device.metadata.name),
    [name],
  );
  await parts.backend.close();
});

test("two who register the same device at the same time: one succeeds, the other reads that it exists", async () => {
  const parts = open();
  const outcomes = await Promise.allSettled(
    [1, 2, 3].map(() => parts.inventory.create(deviceOf("XX1"), "admin", quiet)),
  );
  assert.equal(outcomes.filter(({ status }) => status === "fulfilled").length, 1);
  for (const outcome of outcomes) {
    if (outcome.status === "rejected") assert.ok(isFault(outcome.reason, "already-exists"));
  }
  assert.equal((await parts.stores.devices.all()).length, 1);
  await parts.backend.close();
});

test("changes at the same time are all made, one after the other", async () => {
  const parts = open();
  const { device } = await parts.inventory.create(deviceOf("XX1"), "admin", quiet);
  const add = () =>
    parts.inventory.modify(device.metadata.name, "admin", ({ device: now, record }) => {
      return { device: now, record: { ...record, recent: [...record.recent, {}] } };
    });
  await Promise.all(Array.from({ length: 10 }, add));
  const { record } = await parts.inventory.get(device.metadata.name);
  assert.equal(record.recent.length, 10);
  await parts.backend.close();
});

test("nothing is written when the audit event cannot be", async () => {
  const parts = open();
  const fail = async () => Promise.reject(new TypeError("the disk is full"));
  await assert.rejects(parts.inventory.create(deviceOf("XX1"), "admin", fail), TypeError);
  assert.equal((await parts.backend.range({ prefix: "" })).items.length, 0);
  const { device } = await parts.inventory.create(deviceOf("XX1"), "admin", quiet);
  await assert.rejects(parts.inventory.delete(device.metadata.name, "admin", fail), TypeError);
  assert.ok(await parts.inventory.find(device.metadata.name));
  await parts.backend.close();
});

test("after any sequence of writes the indexes say exactly what the devices say", async () => {
  const step = fc.record({
    act: fc.constantFrom("create", "enroll", "unenroll", "own", "delete"),
    tag: fc.constantFrom("A", "B", "a/b", "ü %"),
    os: fc.constantFrom<OsType>("macos", "linux"),
    credential: fc.constantFrom("k1", "k2", "k/3"),
    owner: fc.constantFrom("alice", "bob/x"),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const parts = open();
      const { inventory, stores } = parts;
      for (const { act, tag, os, credential, owner } of steps) {
        const known = await inventory.findByTag(os, tag);
        const id = known?.device.metadata.name ?? "";
        const change = (next: (device: Device) => Device, record: DeviceRecord) =>
          inventory.modify(id, "admin", ({ device }) => ({ device: next(device), record }));
        const run = {
          create: () => inventory.create(deviceOf(tag, os), "admin", quiet),
          enroll: () =>
            change((device) => enrolled(device, credential, owner), {
              recent: [],
              endorsementHash: `ek-${credential}`,
            }),
          unenroll: () =>
            change(({ spec: { credential: _, owner: __, ...spec }, ...device }) => {
              return { ...device, spec: { ...spec, enroll_status: "not_enrolled" } };
            }, emptyRecord),
          own: () =>
            change((device) => ({ ...device, spec: { ...device.spec, owner } }), {
              recent: [],
              ...(known?.record ?? {}),
            }),
          delete: () => inventory.delete(id, "admin", quiet),
        }[act];
        await run().catch((error: unknown) => {
          assert.ok(isFault(error, "already-exists", "not-found", "conflict"), String(error));
        });
      }
      const expected = new Map<string, string>();
      for (const { metadata } of await stores.devices.all()) {
        for (const key of indexKeys(await inventory.get(metadata.name))) {
          expected.set(key, metadata.name);
        }
      }
      assert.deepEqual(await indexItems(parts), expected);
      const documents = await stores.devices.all();
      assert.deepEqual(await rowsOf(parts), documents.map(listMessage), "the rows of listings");
      await parts.backend.close();
    }),
    { numRuns: 60 },
  );
});

test("rows of an inventory that is older than they are, and of one that changes meanwhile, are made at the start", async () => {
  const parts = open();
  const { inventory, stores, backend } = parts;
  for (let i = 0; i < 600; i++) await inventory.create(deviceOf(`T${i}`), "admin", quiet);
  for (const { key } of (await backend.range({ prefix: "/devices/rows/" }, { limit: 1000 }))
    .items) {
    await backend.delete(key);
  }
  assert.deepEqual(await rowsOf(parts), []);
  const [first, second] = await stores.devices.all();
  const settling = settleRows(parts);
  await Promise.all([
    inventory.delete(first?.metadata.name ?? "", "admin", quiet),
    inventory.modify(second?.metadata.name ?? "", "admin", ({ device, record }) => ({
      device: { ...device, spec: { ...device.spec, owner: "alice" } },
      record,
    })),
    settling,
  ]);
  const documents = await stores.devices.all();
  assert.equal(documents.length, 599);
  assert.deepEqual(await rowsOf(parts), documents.map(listMessage));
  await settleRows(parts);
  await backend.close();
});

test("a lock takes the place of a lost credential while certificates with it may live, and leaves with its return", async () => {
  const parts = open();
  const { inventory, stores, clock } = parts;
  const { device } = await inventory.create(deviceOf("XX1"), "admin", quiet);
  const id = device.metadata.name;
  const write = (credential: string | undefined, record: DeviceRecord) =>
    inventory.modify(id, "admin", ({ device: now }) => {
      const { credential: _, ...spec } = now.spec;
      return { device: credential ? enrolled(now, credential) : { ...now, spec }, record };
    });
  const until = "2026-11-21T12:00:00.000Z";
  await write("k1", { recent: [], certificatesUntil: until });
  assert.deepEqual(await stores.locks.all(), []);
  await write(undefined, emptyRecord);
  const [lock] = await stores.locks.all();
  assert.equal(lock?.spec.target.device, `${id}/k1`);
  assert.equal(lock.metadata.expires, until);
  assert.equal(lock.spec.created_by, "admin");
  await write("k2", { recent: [], certificatesUntil: until });
  assert.equal((await stores.locks.all()).length, 1, "another key does not forgive the old one");
  await write("k1", { recent: [], certificatesUntil: until });
  const targets = (await stores.locks.all()).map(({ spec }) => spec.target.device);
  assert.deepEqual(targets, [`${id}/k2`]);
  await inventory.delete(id, "admin", quiet);
  assert.equal((await stores.locks.all()).length, 2);
  clock.advance(2 * 3_600_000);
  assert.deepEqual(await stores.locks.all(), [], "locks end with the last certificate");
  await parts.backend.close();
});

/** What a listing of the whole inventory says, as a client reads it. */
async function rowsOf({ backend }: ReturnType<typeof open>) {
  const rows = [];
  let after: string | undefined;
  do {
    const page = await listRows(
      backend,
      after === undefined ? { limit: 250 } : { limit: 250, after },
    );
    const bytes = toBinary(ListDevicesResponseSchema, page);
    rows.push(...fromBinary(ListDevicesResponseSchema, bytes).devices);
    after = page.nextPageToken === "" ? undefined : page.nextPageToken;
  } while (after !== undefined);
  return rows;
}
