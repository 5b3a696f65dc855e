/**
 * Searching the log finds exactly the events that fit, in order, in pages, whatever the pages'
 * size.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { AuditEvent } from "#audit/event.ts";
import { openMemoryBackend } from "#backend/memory.ts";
import { ManualClock } from "#base/clock.ts";
import { uuid } from "#base/random.ts";
import { type EventQuery, StoreSink } from "./store-sink.ts";

const start = Date.parse("2026-11-21T12:00:00Z");

function event(atMs: number, fields: Partial<AuditEvent> = {}): AuditEvent {
  const time = new Date(start + atMs).toISOString();
  return { ei: 0, event: "exec", code: "T3002I", uid: uuid(), time, cluster_name: "c", ...fields };
}

async function open(events: readonly AuditEvent[]) {
  const clock = new ManualClock(new Date(start + 86_400_000));
  const backend = openMemoryBackend(clock);
  const sink = new StoreSink(backend, clock);
  await Promise.all(events.map((one) => sink.emit(one)));
  return { sink, backend, clock };
}

async function searchAll(sink: StoreSink, query: EventQuery): Promise<string[]> {
  const found: string[] = [];
  let after: string | undefined;
  do {
    const page = await sink.search(after === undefined ? query : { ...query, after });
    assert.ok(page.events.length <= query.limit);
    found.push(...page.events.map(({ uid }) => uid));
    after = page.next;
  } while (after !== undefined);
  return found;
}

test("finds what a filter over the whole list finds, in both orders and any page size", async () => {
  const device = { device_id: "d1", asset_tag: "XX1" };
  const anyEvent = fc.record({
    at: fc.oneof(fc.nat(5), fc.nat(100_000), fc.nat(80_000_000)),
    event: fc.constantFrom("exec", "user.login", "device.enroll"),
    user: fc.constantFrom("alice", "bob"),
    where: fc.constantFrom("none", "device", "trusted", "identity"),
  });
  const anyQuery = fc.record(
    {
      types: fc.subarray(["exec", "user.login", "cert.create"]),
      user: fc.constantFrom("alice", "carol"),
      device: fc.constantFrom("d1", "XX1", "other"),
      from: fc.nat(100_000).map((ms) => new Date(start + ms)),
      to: fc.nat(80_000_000).map((ms) => new Date(start + ms)),
    },
    { requiredKeys: [], noNullPrototype: true },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyEvent, { maxLength: 40 }),
      anyQuery,
      fc.constantFrom("ascending", "descending"),
      fc.integer({ min: 1, max: 50 }),
      async (list, query, order, limit) => {
        const events = list.map(({ at, event: type, user, where }): AuditEvent => {
          const base: AuditEvent = event(at, { event: type, user });
          if (where === "device") return { ...base, device };
          if (where === "trusted") return { ...base, trusted_device: device };
          return where === "identity" ? { ...base, identity: { device_extensions: device } } : base;
        });
        const { sink, backend } = await open(events);
        const fits = events.filter((one) => {
          const { types = [], user, device: wanted, from, to } = query;
          const tagged = one["device"] ?? one["trusted_device"] ?? one["identity"];
          return (
            (types.length === 0 || types.includes(one.event)) &&
            (user === undefined || one.user === user) &&
            (wanted === undefined || (wanted !== "other" && tagged !== undefined)) &&
            (from === undefined || one.time >= from.toISOString()) &&
            (to === undefined || one.time < to.toISOString())
          );
        });
        const sorted = fits.toSorted((a, b) => (a.time + a.uid < b.time + b.uid ? -1 : 1));
        if (order === "descending") sorted.reverse();
        const found = await searchAll(sink, { ...query, order, limit });
        assert.deepEqual(
          found,
          sorted.map(({ uid }) => uid),
        );
        await backend.close();
      },
    ),
    { numRuns: 150 },
  );
});

test("finds the newest first among thousands of one millisecond", async () => {
  const events = Array.from({ length: 2500 }, () => event(0));
  const { sink, backend } = await open([...events, event(-1), event(1)]);
  const found = await searchAll(sink, { order: "descending", limit: 1000 });
  assert.equal(new Set(found).size, 2502);
  await backend.close();
});

test("reads no more than a bounded number of events per page", async () => {
  const events = Array.from({ length: 45_000 }, (_, i) => event(i));
  const { sink, backend } = await open([...events, event(-1, { user: "needle" })]);
  for (const order of ["ascending", "descending"] as const) {
    const query = { order, limit: 10, user: "nobody" };
    const first = await sink.search(query);
    assert.deepEqual(first.events, []);
    assert.ok(first.next !== undefined, "a short page must say that there is more");
    assert.deepEqual(await searchAll(sink, query), []);
    assert.equal((await searchAll(sink, { ...query, user: "needle" })).length, 1);
  }
  await backend.close();
});

test("forgets events when their time is over", async () => {
  const { sink, backend, clock } = await open([event(0)]);
  clock.advance(367 * 86_400_000);
  assert.deepEqual(await searchAll(sink, { order: "ascending", limit: 10 }), []);
  await backend.close();
});

test("refuses limits, positions and times that cannot be (bug class 67)", async () => {
  const { sink, backend } = await open([event(0)]);
  for (const limit of [-1, 0, 1.5, 1001, Number.NaN]) {
    await assert.rejects(sink.search({ order: "descending", limit }), { code: "invalid" });
  }
  for (const after of ["", "/roles/x", "2026", "~", "2026-11-21T12:00:00.000Z/../x"]) {
    await assert.rejects(sink.search({ order: "ascending", limit: 1, after }), { code: "invalid" });
  }
  const from = new Date(Number.NaN);
  await assert.rejects(sink.search({ order: "ascending", limit: 1, from }), { code: "invalid" });
  const backwards = { from: new Date(start + 1), to: new Date(start) };
  for (const order of ["ascending", "descending"] as const) {
    assert.deepEqual((await sink.search({ order, limit: 1, ...backwards })).events, []);
  }
  await backend.close();
});
