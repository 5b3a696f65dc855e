import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DocumentMirror } from "#auth/store/mirror.ts";
import { openMemoryBackend } from "#backend/memory.ts";
import type { Item } from "#backend/port.ts";
import { scanItems } from "#backend/scan.ts";
import { utf8 } from "#base/bytes.ts";
import { ManualClock } from "#base/clock.ts";

const prefix = "/documents/x/";
const textOf = (item: Item) => `${item.key}=${Buffer.from(item.value).toString()}`;

function open() {
  const clock = new ManualClock(new Date("2026-11-21T12:00:00Z"));
  const backend = openMemoryBackend(clock);
  return { clock, backend, mirror: new DocumentMirror(backend, clock, prefix, textOf) };
}

type Step =
  | { readonly type: "put"; readonly key: string; readonly value: string; readonly ms: number }
  | { readonly type: "delete"; readonly key: string }
  | { readonly type: "wait"; readonly ms: number }
  | { readonly type: "sweep" | "other" };

const key = fc.constantFrom("a", "b", "c", "\u{1f600}", "\uffee").map((name) => `${prefix}${name}`);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    type: fc.constant("put" as const),
    key,
    value: fc.string({ maxLength: 3 }),
    ms: fc.constantFrom(0, 5, 50),
  }),
  fc.record({ type: fc.constant("delete" as const), key }),
  fc.record({ type: fc.constant("wait" as const), ms: fc.constantFrom(1, 5, 60) }),
  fc.constant({ type: "sweep" as const }),
  fc.constant({ type: "other" as const }),
);

test("after any writes, deletions and expiries the mirror shows what a scan shows", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(step, fc.boolean()), { maxLength: 40 }), async (steps) => {
      const { clock, backend, mirror } = open();
      for (const [each, look] of steps) {
        if (each.type === "put") {
          const expires = each.ms === 0 ? undefined : new Date(clock.now().getTime() + each.ms);
          await backend.put(each.key, utf8(each.value), { expires });
        } else if (each.type === "delete") await backend.delete(each.key);
        else if (each.type === "wait") clock.advance(each.ms);
        else if (each.type === "sweep") await backend.sweep();
        else await backend.put("/elsewhere", utf8("x"));
        if (!look) continue;
        const scanned: string[] = [];
        for await (const item of scanItems(backend, { prefix })) scanned.push(textOf(item));
        assert.deepEqual(await mirror.all(), scanned);
      }
      await backend.close();
    }),
  );
});

test("the list is the same object until one of its documents changes", async () => {
  const { backend, mirror } = open();
  await backend.put(`${prefix}a`, utf8("1"));
  const first = await mirror.all();
  await backend.put("/elsewhere", utf8("2"));
  assert.equal(await mirror.all(), first);
  await backend.put(`${prefix}a`, utf8("3"));
  assert.deepEqual(await mirror.all(), [`${prefix}a=3`]);
  await backend.close();
});

test("more changes than the store keeps are no loss", async () => {
  const { backend, mirror } = open();
  await backend.put(`${prefix}a`, utf8("1"));
  await mirror.all();
  for (let i = 0; i < 6000; i++) await backend.put(`${prefix}b`, utf8(String(i)));
  await backend.delete(`${prefix}a`);
  assert.deepEqual(await mirror.all(), [`${prefix}b=5999`]);
  await backend.close();
});

test("a change that cannot be read is never passed over: what comes behind it is not shown as if it were all", async () => {
  const { clock, backend } = open();
  let broken = true;
  const mirror = new DocumentMirror(backend, clock, prefix, (item) => {
    if (broken && item.key.endsWith("/bad")) throw new Error("unreadable");
    return textOf(item);
  });
  await mirror.all();
  await backend.put(`${prefix}bad`, utf8("1"));
  await backend.put(`${prefix}lock`, utf8("2"));
  await assert.rejects(mirror.all());
  await assert.rejects(mirror.all());
  broken = false;
  assert.deepEqual(await mirror.all(), [`${prefix}bad=1`, `${prefix}lock=2`]);
  await backend.close();
});
