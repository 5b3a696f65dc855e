import assert from "node:assert/strict";
import { test } from "node:test";
import {
  countDocuments,
  type ListingQuery,
  listDocuments,
  type MayList,
  visibleTo,
} from "#auth/listing.ts";
import { isFault } from "#base/fault.ts";
import type { SystemIdentity, SystemRole } from "#identity/identity.ts";
import type { Node } from "#resource/node.ts";

const everything: ListingQuery = {
  limit: 1000,
  start: "",
  labels: {},
  predicate: "",
  search: [],
  descending: false,
};

const nodes: Node[] = Array.from({ length: 25 }, (_, i) => ({
  kind: "node",
  version: "v2",
  metadata: { name: `id-${String(i).padStart(2, "0")}`, labels: { even: String(i % 2 === 0) } },
  spec: { hostname: `node-${i % 10}`, use_tunnel: true },
}));

/** The ids of all pages of the given size. */
function idsByPages(limit: number, query: Partial<ListingQuery> = {}): string[] {
  const ids: string[] = [];
  let start = "";
  do {
    const page = listDocuments(nodes, () => true, { ...everything, ...query, limit, start });
    ids.push(...page.documents.map((node) => node.metadata.name));
    start = page.next;
  } while (start !== "");
  return ids;
}

test("pages of every size give each server once, in the same order", () => {
  const whole = idsByPages(1000);
  assert.equal(new Set(whole).size, 25);
  for (const limit of [1, 2, 7, 24, 25, 26]) assert.deepEqual(idsByPages(limit), whole);
  assert.deepEqual(idsByPages(4, { descending: true }), whole.toReversed());
});

test("labels, search and predicate all must hold", () => {
  const query = { labels: { even: "true" }, predicate: 'hasPrefix(name, "node-2")' };
  const found = listDocuments(nodes, () => true, { ...everything, ...query });
  assert.equal(found.documents.length, 3);
  assert.ok(found.documents.every((node) => node.spec.hostname === "node-2"));
  assert.equal(
    countDocuments(nodes, () => true, { ...everything, search: ["node-3"], limit: 1 }),
    3,
  );
});

test("what may not be seen is neither listed nor counted", () => {
  const maySee: MayList = (node) => node.metadata.name === "id-03";
  assert.deepEqual(listDocuments(nodes, maySee, everything), { documents: [nodes[3]], next: "" });
  assert.equal(countDocuments(nodes, maySee, everything), 1);
});

test("a row that vanishes between two pages hides no other", () => {
  const first = listDocuments(nodes, () => true, { ...everything, limit: 5 });
  const left = nodes.filter((node) => !first.next.includes(node.metadata.name));
  const second = listDocuments(left, () => true, { ...everything, limit: 1000, start: first.next });
  assert.equal(first.documents.length + second.documents.length, 24);
});

test("a predicate with a mistake is refused with its place", () => {
  const query = { ...everything, predicate: "nam == " };
  assert.throws(
    () => listDocuments(nodes, () => true, query),
    (error) => isFault(error, "invalid"),
  );
});

test("a server sees itself in lists and no other; a proxy sees all", () => {
  const seenBy = (role: SystemRole) => {
    const expires = new Date("2026-11-22T00:00:00Z");
    const identity = {
      kind: "system",
      hostId: "id-03",
      cluster: "c",
      systemRoles: [role],
      expires,
    };
    return nodes.filter(visibleTo(identity as SystemIdentity, new Map()));
  };
  assert.deepEqual(seenBy("Node"), [nodes[3]]);
  assert.deepEqual(seenBy("Db"), [nodes[3]]);
  assert.deepEqual(seenBy("Proxy"), nodes);
});
