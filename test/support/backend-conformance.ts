/**
 * What every backend promises (`#backend/port.ts`), as tests. Each implementation runs the suite
 * over itself.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { formatPrefix } from "#backend/key.ts";
import { type Backend, type Change, limits, type Operation } from "#backend/port.ts";
import { scanItems } from "#backend/scan.ts";
import { utf8 } from "#base/bytes.ts";
import { ManualClock } from "#base/clock.ts";

/** Opens an empty backend of the kind under test. */
export type OpenBackend = (clock: ManualClock) => Backend;

const bytes = utf8;
const text = (value: Uint8Array) => Buffer.from(value).toString();

async function take(changes: AsyncIterable<Change>, count: number): Promise<string[]> {
  const taken: string[] = [];
  for await (const change of changes) {
    taken.push(
      change.type === "put"
        ? `put ${change.item.key}=${text(change.item.value)}`
        : `${change.expired ? "expire" : "delete"} ${change.key}`,
    );
    if (taken.length === count) break;
  }
  return taken;
}

/** Declares the suite. */
export function testBackend(name: string, open: OpenBackend): void {
  const clock = () => new ManualClock(new Date("2026-11-21T12:00:00Z"));
  const run = (what: string, body: (backend: Backend, clock: ManualClock) => Promise<void>) =>
    test(what, async () => {
      const time = clock();
      const backend = open(time);
      try {
        await body(backend, time);
      } finally {
        await backend.close();
      }
    });

  describe(`${name} backend`, () => {
    run("gives back what was put, with the revision of the write", async (backend) => {
      const revision = await backend.put("/a", bytes("1"));
      const item = await backend.get("/a");
      assert.deepEqual([item.key, text(item.value), item.revision], ["/a", "1", revision]);
      assert.equal(item.expires, undefined);
      assert.deepEqual(await backend.find("/a"), item);
    });

    run("says not-found for a missing item", async (backend) => {
      await assert.rejects(backend.get("/a"), { code: "not-found" });
      assert.equal(await backend.find("/a"), undefined);
    });

    run("keeps empty and binary values", async (backend) => {
      await backend.put("/empty", new Uint8Array());
      await backend.put("/binary", Uint8Array.of(0, 255, 0));
      assert.equal((await backend.get("/empty")).value.length, 0);
      assert.deepEqual([...(await backend.get("/binary")).value], [0, 255, 0]);
    });

    run("is not changed by a caller who changes bytes afterwards", async (backend) => {
      const value = bytes("mine");
      const written = backend.put("/a", value);
      value.fill(0);
      await written;
      (await backend.get("/a")).value.fill(0);
      assert.equal(text((await backend.get("/a")).value), "mine");
    });

    run("creates once, and again after a deletion with another revision", async (backend) => {
      const first = await backend.create("/a", bytes("1"));
      await assert.rejects(backend.create("/a", bytes("2")), { code: "already-exists" });
      assert.equal(await backend.delete("/a"), true);
      assert.notEqual(await backend.create("/a", bytes("1")), first);
    });

    run("lets exactly one of many concurrent creators win", async (backend) => {
      const all = Array.from({ length: 50 }, (_, i) => backend.create("/a", bytes(String(i))));
      const results = await Promise.allSettled(all);
      assert.equal(results.filter(({ status }) => status === "fulfilled").length, 1);
    });

    run("updates only the revision that the writer read", async (backend) => {
      const first = await backend.create("/a", bytes("1"));
      const second = await backend.update("/a", bytes("2"), first);
      await assert.rejects(backend.update("/a", bytes("3"), first), { code: "conflict" });
      await assert.rejects(backend.update("/b", bytes("3"), first), { code: "conflict" });
      assert.equal((await backend.get("/a")).revision, second);
      assert.equal(text((await backend.get("/a")).value), "2");
    });

    run("counts right when many update with retries", async (backend) => {
      await backend.put("/n", bytes("0"));
      const increment = async (): Promise<void> => {
        const item = await backend.get("/n");
        const next = bytes(String(Number(text(item.value)) + 1));
        await backend.update("/n", next, item.revision).catch(increment);
      };
      await Promise.all(Array.from({ length: 20 }, increment));
      assert.equal(text((await backend.get("/n")).value), "20");
    });

    run("deletes, and says whether there was something", async (backend) => {
      await backend.put("/a", bytes("1"));
      assert.equal(await backend.delete("/a"), true);
      assert.equal(await backend.delete("/a"), false);
      assert.equal(await backend.find("/a"), undefined);
    });

    run("deletes only the revision that was read", async (backend) => {
      const first = await backend.put("/a", bytes("1"));
      const second = await backend.put("/a", bytes("2"));
      await assert.rejects(backend.deleteIf("/a", first), { code: "conflict" });
      await backend.deleteIf("/a", second);
      await assert.rejects(backend.deleteIf("/a", second), { code: "conflict" });
    });

    run("hides an item from the very millisecond of its expiry", async (backend, time) => {
      const expires = new Date(time.now().getTime() + 1000);
      await backend.put("/a", bytes("1"), { expires });
      assert.deepEqual((await backend.get("/a")).expires, expires);
      time.advance(999);
      assert.ok(await backend.find("/a"));
      time.advance(1);
      assert.equal(await backend.find("/a"), undefined);
      assert.deepEqual((await backend.range({ prefix: "" })).items, []);
    });

    run("treats an expired item as gone in every condition", async (backend, time) => {
      const expires = new Date(time.now().getTime() + 1000);
      const old = await backend.put("/a", bytes("1"), { expires });
      time.advance(1000);
      await assert.rejects(backend.update("/a", bytes("2"), old), { code: "conflict" });
      await assert.rejects(backend.deleteIf("/a", old), { code: "conflict" });
      assert.equal(await backend.delete("/a"), false);
      await backend.create("/a", bytes("3"));
      assert.equal(await backend.sweep(), 0);
      assert.equal(text((await backend.get("/a")).value), "3");
    });

    run("forgets the expiry of an item that is written without one", async (backend, time) => {
      await backend.put("/a", bytes("1"), { expires: new Date(time.now().getTime() + 1000) });
      await backend.put("/a", bytes("2"));
      time.advance(5000);
      assert.equal((await backend.get("/a")).expires, undefined);
    });

    run("sweeps what has expired and tells the watchers", async (backend, time) => {
      const expires = new Date(time.now().getTime() + 1000);
      await backend.put("/a", bytes("1"), { expires });
      await backend.put("/b", bytes("1"));
      const changes = backend.watch({ prefix: "/" });
      time.advance(1000);
      assert.equal(await backend.sweep(), 1);
      assert.equal(await backend.sweep(), 0);
      assert.deepEqual(await take(changes, 1), ["expire /a"]);
    });

    run("refuses an expiry that is not in the future", async (backend, time) => {
      for (const expires of [time.now(), new Date(0), new Date(Number.NaN)]) {
        await assert.rejects(backend.put("/a", bytes("1"), { expires }), { code: "invalid" });
      }
      assert.equal(await backend.find("/a"), undefined);
    });

    run("gives a range in the order of bytes, without its neighbours", async (backend) => {
      const keys = [
        "/a/1",
        "/a/10",
        "/a/2",
        "/a/é",
        "/a/\u{1f600}",
        "/a/\uffee",
        "/a",
        "/a0",
        "/b",
      ];
      for (const key of keys) await backend.put(key, bytes(key));
      const page = await backend.range({ prefix: "/a/" });
      const found = page.items.map(({ key }) => key);
      assert.deepEqual(found, ["/a/1", "/a/10", "/a/2", "/a/é", "/a/\uffee", "/a/\u{1f600}"]);
      assert.equal(page.next, undefined);
      const part = await backend.range({ start: "/a/10", end: "/a/é" });
      assert.deepEqual(
        part.items.map(({ key }) => key),
        ["/a/10", "/a/2"],
      );
    });

    run("gives ranges in pages that lose and repeat nothing", async (backend) => {
      for (let i = 0; i < 25; i++) await backend.put(`/n/${i}`, bytes(String(i)));
      for (const limit of [1, 7, 25, 26]) {
        const keys: string[] = [];
        let after: string | undefined;
        do {
          const page = await backend.range({ prefix: "/n/" }, { limit, after });
          assert.ok(page.items.length <= limit);
          keys.push(...page.items.map(({ key }) => key));
          after = page.next;
        } while (after !== undefined);
        assert.deepEqual(keys, [...new Set(keys)].sort());
        assert.equal(keys.length, 25);
      }
    });

    run("scans more than one page of items", async (backend) => {
      const count = limits.page + 5;
      await Promise.all(
        Array.from({ length: count }, (_, i) => backend.put(`/n/${i}`, new Uint8Array())),
      );
      let seen = 0;
      for await (const item of scanItems(backend, { prefix: formatPrefix("n") })) {
        assert.ok(item.key.startsWith("/n/"));
        seen++;
      }
      assert.equal(seen, count);
    });

    run("refuses every limit that is not a sensible count (bug class 67)", async (backend) => {
      await backend.put("/a", bytes("1"));
      for (const limit of [-1, 0, 1.5, limits.page + 1, 2 ** 31, Number.NaN, Infinity]) {
        await assert.rejects(backend.range({ prefix: "" }, { limit }), { code: "invalid" });
      }
    });

    run("refuses keys that are empty, too long or not plain text", async (backend) => {
      const bad = [
        "",
        "/a\0",
        "/a\nb",
        "/\ud800",
        "/\u{10ffff}",
        `/${"x".repeat(1024)}`,
        `/${"é".repeat(600)}`,
      ];
      for (const key of bad) {
        await assert.rejects(
          backend.put(key, bytes("1")),
          { code: "invalid" },
          JSON.stringify(key),
        );
        await assert.rejects(backend.find(key), { code: "invalid" });
        await assert.rejects(backend.delete(key), { code: "invalid" });
      }
      await assert.rejects(backend.range({ prefix: "/\0" }), { code: "invalid" });
      await assert.rejects(backend.range({ prefix: "/" }, { after: "/\ud800" }), {
        code: "invalid",
      });
    });

    run("refuses a value over the limit and takes one at the limit", async (backend) => {
      await assert.rejects(backend.put("/a", new Uint8Array(limits.value + 1)), { code: "limit" });
      await backend.put("/a", new Uint8Array(limits.value).fill(7));
      assert.equal((await backend.get("/a")).value.length, limits.value);
    });

    run("writes all operations of an atomic write with one revision", async (backend) => {
      const old = await backend.put("/old", bytes("1"));
      await backend.put("/gone", bytes("1"));
      const revision = await backend.atomic([
        { type: "check", key: "/old", if: { revision: old } },
        { type: "put", key: "/new", value: bytes("2"), if: "absent" },
        { type: "put", key: "/other", value: bytes("3") },
        { type: "delete", key: "/gone", if: "present" },
      ]);
      assert.equal((await backend.get("/new")).revision, revision);
      assert.equal((await backend.get("/other")).revision, revision);
      assert.equal(await backend.find("/gone"), undefined);
      assert.equal((await backend.get("/old")).revision, old);
    });

    run("writes nothing of an atomic write when one condition does not hold", async (backend) => {
      await backend.put("/a", bytes("1"));
      const failing: readonly Operation[] = [
        { type: "put", key: "/a", value: bytes("2"), if: "absent" },
        { type: "put", key: "/z", value: bytes("2"), if: "present" },
        { type: "put", key: "/a", value: bytes("2"), if: { revision: "0" } },
        { type: "check", key: "/z", if: "present" },
        { type: "delete", key: "/z", if: "present" },
      ];
      for (const operation of failing) {
        const first = { type: "put", key: "/b", value: bytes("2") } as const;
        await assert.rejects(backend.atomic([first, operation]), { code: "conflict" });
        assert.equal(await backend.find("/b"), undefined);
        assert.equal(text((await backend.get("/a")).value), "1");
      }
    });

    run("refuses an atomic write that is empty, too long or names a key twice", async (backend) => {
      await assert.rejects(backend.atomic([]), { code: "limit" });
      const put = (key: string): Operation => ({ type: "put", key, value: bytes("1") });
      const many = Array.from({ length: limits.operations + 1 }, (_, i) => put(`/${i}`));
      await assert.rejects(backend.atomic(many), { code: "limit" });
      await assert.rejects(backend.atomic([put("/a"), put("/a")]), { code: "invalid" });
    });

    run("keeps the good writes of a burst in which others fail", async (backend) => {
      await backend.put("/taken", bytes("0"));
      const results = await Promise.allSettled([
        backend.create("/a", bytes("1")),
        backend.create("/taken", bytes("1")),
        backend.create("/b", bytes("1")),
      ]);
      assert.deepEqual(
        results.map(({ status }) => status),
        ["fulfilled", "rejected", "fulfilled"],
      );
      assert.ok((await backend.find("/a")) && (await backend.find("/b")));
    });

    run("tells a watcher every change of its range in order", async (backend) => {
      const changes = backend.watch({ prefix: "/a/" });
      await backend.put("/a/1", bytes("x"));
      await backend.put("/b/1", bytes("x"));
      await backend.put("/a/1", bytes("y"));
      await backend.delete("/a/1");
      assert.deepEqual(await take(changes, 3), ["put /a/1=x", "put /a/1=y", "delete /a/1"]);
    });

    run("tells a watcher who waits already", async (backend) => {
      const changes = backend.watch({ prefix: "/" });
      const first = changes.next();
      await backend.put("/a", bytes("1"));
      assert.equal((await first).done, false);
    });

    run("misses nothing between a page and a watch from its revision", async (backend) => {
      await backend.put("/a/1", bytes("1"));
      const page = await backend.range({ prefix: "/a/" });
      await backend.put("/a/2", bytes("2"));
      await backend.delete("/a/1");
      const changes = backend.watch({ prefix: "/a/" }, { from: page.revision });
      await backend.put("/a/3", bytes("3"));
      assert.deepEqual(await take(changes, 3), ["put /a/2=2", "delete /a/1", "put /a/3=3"]);
    });

    run(
      "gives the changes of a range since a page, at once and in order",
      async (backend, time) => {
        await backend.put("/a/1", bytes("1"));
        const page = await backend.range({ prefix: "/a/" });
        const since = (revision: string) =>
          backend
            .changesSince({ prefix: "/a/" }, revision)
            ?.changes.map((change) =>
              change.type === "put" ? `put ${change.item.key}` : `delete ${change.key}`,
            );
        assert.deepEqual(since(page.revision), []);
        const expires = new Date(time.now().getTime() + 1000);
        await Promise.all([
          backend.put("/a/2", bytes("2"), { expires }),
          backend.put("/b/1", bytes("3")),
          backend.delete("/a/1"),
        ]);
        assert.deepEqual(since(page.revision), ["put /a/2", "delete /a/1"]);
        const later = await backend.put("/a/3", bytes("4"));
        assert.deepEqual(since(later), []);
        time.advance(1000);
        await backend.sweep();
        assert.deepEqual(since(later), ["delete /a/2"]);
        const now = backend.changesSince({ prefix: "/c/" }, later)?.revision ?? "";
        assert.deepEqual(since(now), []);
        assert.throws(() => since("no revision"), { code: "invalid" });
      },
    );

    run("says when the changes since a revision are no longer kept", async (backend) => {
      const revision = await backend.put("/a/0", bytes("0"));
      for (let i = 0; i < 20; i++) {
        await Promise.all(
          Array.from({ length: 256 }, (_, k) => backend.put(`/a/${k}`, bytes(String(i)))),
        );
      }
      assert.equal(backend.changesSince({ prefix: "/" }, revision), undefined);
    });

    run("refuses to watch from a revision of the future or no revision at all", async (backend) => {
      const future = () => backend.watch({ prefix: "/" }, { from: "999999" });
      assert.throws(future, { code: "conflict" });
      for (const from of ["", "x", "-1", "1.5", "01"]) {
        assert.throws(() => backend.watch({ prefix: "/" }, { from }), { code: "invalid" });
      }
    });

    run("tells who watches from too far back to read again", async (backend) => {
      const { revision } = await backend.range({ prefix: "/" });
      await Promise.all(
        Array.from({ length: 5000 }, (_, i) => backend.put(`/${i % 10}`, new Uint8Array())),
      );
      const watch = () => backend.watch({ prefix: "/" }, { from: revision });
      assert.throws(watch, { code: "conflict" });
    });

    run("ends a watch by its signal, by return and by break", async (backend) => {
      const stop = new AbortController();
      const changes = backend.watch({ prefix: "/" }, { signal: stop.signal });
      const waiting = changes.next();
      stop.abort();
      assert.equal((await waiting).done, true);
      assert.equal((await changes.next()).done, true);
      const other = backend.watch({ prefix: "/" });
      await other.return?.();
      await backend.put("/a", bytes("1"));
      assert.equal((await other.next()).done, true);
      const late = backend.watch({ prefix: "/" }, { signal: stop.signal });
      assert.equal((await late.next()).done, true);
    });

    run("answers as a simple map does, whatever is done to it", async (backend) => {
      const key = fc.constantFrom("/a", "/a/b", "/b", "/c");
      const step = fc.record({
        act: fc.constantFrom("put", "create", "delete", "update", "stale"),
        key,
        value: fc.string(),
      });
      let round = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
          const root = `/${++round}`;
          const model = new Map<string, string>();
          for (const { act, key: name, value } of steps) {
            const path = root + name;
            const present = model.has(path);
            const revision = (await backend.find(path))?.revision ?? "0";
            const done = await perform(backend, act, path, bytes(value), revision);
            const expected =
              act === "put" || (act === "create" ? !present : act !== "stale" && present);
            assert.equal(done, expected, `${act} ${path}`);
            if (done && act === "delete") model.delete(path);
            else if (done) model.set(path, value);
          }
          const { items } = await backend.range({ prefix: `${root}/` });
          const expected = [...model].sort(([a], [b]) => (a < b ? -1 : 1));
          assert.deepEqual(
            items.map((item) => [item.key, text(item.value)]),
            expected,
          );
        }),
        { numRuns: 40 },
      );
    });
  });

  test(`a closed ${name} backend refuses everything and ends its watches`, async () => {
    const backend = open(clock());
    const changes = backend.watch({ prefix: "/" });
    const waiting = changes.next();
    const written = backend.put("/a", bytes("1"));
    const closed = backend.close();
    await written;
    assert.equal((await waiting).done, false);
    const last = changes.next();
    await assert.rejects(last, { code: "unavailable" });
    await closed;
    await backend.close();
    await assert.rejects(backend.get("/a"), { code: "unavailable" });
    await assert.rejects(backend.put("/a", bytes("1")), { code: "unavailable" });
    assert.throws(() => backend.watch({ prefix: "/" }), { code: "unavailable" });
  });
}

async function perform(
  backend: Backend,
  act: string,
  key: string,
  value: Uint8Array,
  revision: string,
): Promise<boolean> {
  try {
    if (act === "put") await backend.put(key, value);
    else if (act === "create") await backend.create(key, value);
    else if (act === "update") await backend.update(key, value, revision);
    else if (act === "stale") await backend.update(key, value, "0");
    else return await backend.delete(key);
    return true;
  } catch {
    return false;
  }
}
