import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { findTarget, parseTarget } from "#proxy/targets.ts";
import type { Node } from "#resource/node.ts";

/** A registered server: behind a tunnel, or at an address. */
function server(id: string, hostname: string, addr?: string): Node {
  const spec = addr === undefined ? { hostname, use_tunnel: true } : { hostname, addr };
  return { kind: "node", version: "v2", metadata: { name: id }, spec };
}

const ids = [
  "11111111-1111-4111-8111-111111111111",
  "22222222-2222-4222-8222-222222222222",
] as const;
const inventory = [
  server(ids[0], "web"),
  server(ids[1], "db", "10.0.0.5:22"),
  server("33333333-3333-4333-8333-333333333333", "twin"),
  server("44444444-4444-4444-8444-444444444444", "twin"),
];

const found: readonly [string, string][] = [
  ["web:0", "web"],
  ["web:3022", "web"],
  ["web:22", "web"],
  ["db:0", "db"],
  ["db:22", "db"],
  ["10.0.0.5:22", "db"],
  [`${ids[0].toUpperCase()}:0`, "web"],
];
for (const [text, hostname] of found) {
  test(`${text} is ${hostname}`, () => {
    assert.equal(findTarget(inventory, parseTarget(text)).spec.hostname, hostname);
  });
}

for (const text of ["nowhere:0", "db:2222", "WEB:0", "10.0.0.5:23", "127.0.0.1:22"]) {
  test(`${text} is registered nowhere`, () => {
    assert.throws(
      () => findTarget(inventory, parseTarget(text)),
      (e) => isFault(e, "not-found"),
    );
  });
}

test("two servers of one name are ambiguous, in the word that clients look for", () => {
  assert.throws(() => findTarget(inventory, parseTarget("twin:0")), /err-node-is-ambiguous/);
});

test("case matters unless the cluster says otherwise", () => {
  const node = findTarget(inventory, parseTarget("WEB:0"), { caseInsensitive: true });
  assert.equal(node.spec.hostname, "web");
});

test("reads addresses of all forms and refuses the rest", () => {
  assert.deepEqual(parseTarget("[::1]:22"), { host: "::1", port: 22 });
  assert.deepEqual(parseTarget("fe80::1"), { host: "fe80::1", port: 0 });
  for (const text of ["", ":22", "a:99999", "a:b", `${"x".repeat(256)}:1`]) {
    assert.throws(
      () => parseTarget(text),
      (error) => isFault(error, "invalid"),
      text,
    );
  }
});
