import assert from "node:assert/strict";
import { text } from "node:stream/consumers";
import test from "node:test";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import { filterOf, jsonOnly, withNames } from "./filter.ts";
import { largestValue } from "./json-values.ts";

const web = (namespace: string, name: string) => namespace === "web" && name !== "secret";
const object = (namespace: string, name: string) => ({ metadata: { namespace, name }, spec: {} });

/** Sends a text through a filter in chunks of some size. */
async function pass(verb: "list" | "watch", input: string, size = 7): Promise<string> {
  const filter = filterOf(verb, web);
  const bytes = Buffer.from(input);
  for (let at = 0; at < bytes.length; at += size) filter.write(bytes.subarray(at, at + size));
  filter.end();
  return text(filter);
}

test("a list keeps what may be seen and everything around it", async () => {
  const items = [
    object("web", "a"),
    object("db", "b"),
    object("web", "secret"),
    object("web", "c"),
  ];
  const list = { kind: "PodList", apiVersion: "v1", metadata: { resourceVersion: "7" }, items };
  const expected = { ...list, items: [items[0], items[3]] };
  for (const size of [1, 2, 7, 100, 10_000]) {
    for (const space of [undefined, 2]) {
      const filtered = await pass("list", JSON.stringify(list, undefined, space), size);
      assert.deepEqual(JSON.parse(filtered), expected);
    }
  }
});

test("a table keeps the rows of what may be seen; a row without a name is left out", async () => {
  const row = (value: unknown) => ({ cells: ["x", 1], object: value });
  const rows = [row(object("web", "a")), row(object("db", "b")), row(undefined), { cells: [] }];
  const table = { kind: "Table", columnDefinitions: [{ name: "Name" }], rows };
  const filtered = await pass("list", JSON.stringify(table));
  assert.deepEqual(JSON.parse(filtered), { ...table, rows: [rows[0]] });
});

test("lists without elements stay lists", async () => {
  for (const items of ["[]", "null", "[ ]"]) {
    const list = `{"kind":"PodList","items":${items},"metadata":{}}\n`;
    assert.deepEqual(JSON.parse(await pass("list", list)), JSON.parse(list));
  }
});

test("any list in any pieces keeps exactly what may be seen, in order", async () => {
  const name = fc.oneof(fc.constantFrom("a", "secret"), fc.string({ minLength: 1 }));
  const item = fc.tuple(fc.constantFrom("web", "db", ""), name, fc.jsonValue({ maxDepth: 3 }));
  await fc.assert(
    fc.asyncProperty(fc.array(item), fc.integer({ min: 1, max: 50 }), async (all, size) => {
      const items = all.map(([namespace, n, spec]) => ({ metadata: { namespace, name: n }, spec }));
      const list = JSON.stringify({ kind: "List", items });
      const kept = items.filter(({ metadata }) => web(metadata.namespace, metadata.name));
      assert.equal(await pass("list", list, size), JSON.stringify({ kind: "List", items: kept }));
    }),
    { numRuns: 200 },
  );
});

for (const [why, input] of [
  ["an answer with a key that no list has", '{"items":[],"things":[1]}'],
  ["the elements under a key in other letters and other elements", '{"items":{"a":1}}'],
  ["no object", "[1]"],
  ["two lists", '{"items":[]}{"items":[]}'],
  ["half a list", '{"items":[{"metadata":{"name":"a"}}'],
  ["elements that are no JSON", '{"items":[{oops}]}'],
  ["nothing", ""],
  ["closing more than was opened", '{"items":[]}}'],
] as const) {
  test(`${why} is refused`, async () => {
    await assert.rejects(pass("list", input), (error) => isFault(error, "malformed"));
  });
}

test("elements under a key in other letters are filtered too", async () => {
  const list = { Items: [object("db", "b")], "\u0069tems": [object("web", "a")] };
  const filtered = JSON.parse(await pass("list", JSON.stringify(list)));
  assert.deepEqual(filtered, { Items: [], items: [object("web", "a")] });
  const escaped = '{"\\u0069tems":[{"metadata":{"namespace":"db","name":"b"}}]}';
  assert.deepEqual(JSON.parse(await pass("list", escaped)), { items: [] });
});

test("an element that never ends is refused when it is too large", async () => {
  const filter = filterOf("list", web);
  const failed = text(filter);
  filter.write('{"items":["');
  const chunk = Buffer.alloc(1 << 20, "x");
  for (let sent = 0; sent <= largestValue; sent += chunk.length) filter.write(chunk);
  await assert.rejects(failed, (error) => isFault(error, "too-large"));
});

const event = (type: string, value: unknown) => JSON.stringify({ type, object: value });

test("a watch keeps the events about what may be seen, bookmarks and errors", async () => {
  const events = [
    event("ADDED", object("web", "a")),
    event("ADDED", object("db", "b")),
    event("BOOKMARK", { kind: "Pod", metadata: { resourceVersion: "9" } }),
    event("DELETED", object("web", "secret")),
    event("ERROR", { kind: "Status", code: 410 }),
  ];
  for (const size of [1, 10, 1000]) {
    const lines = (await pass("watch", events.join("\n"), size)).trim().split("\n");
    assert.deepEqual(lines, [events[0], events[2], events[4]]);
  }
});

test("the columns of a table's watch survive when its first event is left out", async () => {
  const table = (columns: unknown, ...rows: unknown[]) => ({
    kind: "Table",
    columnDefinitions: columns,
    rows: rows.map((value) => ({ cells: [], object: value })),
  });
  const columns = [{ name: "Name" }];
  const events = [
    event("ADDED", table(columns, object("db", "b"))),
    event("ADDED", table(null, object("web", "a"))),
    event("ADDED", table(null, object("web", "c"))),
  ];
  const lines = (await pass("watch", events.join("\n"))).trim().split("\n");
  const seen = lines.map((text) => JSON.parse(text).object);
  assert.deepEqual(
    seen.map(({ columnDefinitions }) => columnDefinitions),
    [columns, null],
  );
});

test("an error event that is no Status does not carry objects past the filter", async () => {
  assert.equal(await pass("watch", event("ERROR", object("db", "b"))), "");
});

test("a watch of something else than objects is refused", async () => {
  await assert.rejects(pass("watch", '"x"'), (error) => isFault(error, "malformed"));
});

test("only JSON is asked for where something must be left out", () => {
  const table = "application/json;as=Table;v=v1;g=meta.k8s.io";
  assert.equal(jsonOnly(`${table},application/json`), `${table},application/json`);
  assert.equal(jsonOnly("application/vnd.kubernetes.protobuf"), "application/json");
  assert.equal(jsonOnly(`application/vnd.kubernetes.protobuf;x, ${table}`), table);
  assert.equal(jsonOnly(undefined), "application/json");
  assert.equal(withNames("/api/v1/pods?includeObject=None&limit=5"), "/api/v1/pods?limit=5");
  assert.equal(withNames("/api/v1/pods?includeObject=None"), "/api/v1/pods");
  assert.equal(withNames("/api/v1/pods?limit=5"), "/api/v1/pods?limit=5");
});
