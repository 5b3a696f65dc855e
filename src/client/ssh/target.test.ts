import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import { parseLabels, parseTarget } from "#client/ssh/target.ts";

const none = { labels: undefined };

test("targets are read with and without login and port", () => {
  assert.deepEqual(parseTarget("root@node"), { login: "root", host: "node", port: 0, ...none });
  assert.deepEqual(parseTarget("node:22"), { login: undefined, host: "node", port: 22, ...none });
  assert.deepEqual(parseTarget("a@corp.example@node"), {
    login: "a@corp.example",
    host: "node",
    port: 0,
    ...none,
  });
  assert.deepEqual(parseTarget("root@[::1]:22"), { login: "root", host: "::1", port: 22, ...none });
  assert.equal(parseTarget("root@fe80::1").host, "fe80::1");
  assert.deepEqual(parseTarget("root@env=dev,team=a b".replace(" ", "")).labels, {
    env: "dev",
    team: "ab",
  });
});

for (const bad of [
  "",
  "@",
  "root@",
  "@node",
  "a b",
  "root@no/de",
  "root@-oProxy",
  "n:99999",
  "a\nb",
]) {
  test(`${JSON.stringify(bad)} is no target`, () => {
    assert.throws(
      () => parseTarget(bad),
      (error) => isFault(error, "usage"),
    );
  });
}

test("labels may be quoted; anything else is refused", () => {
  assert.deepEqual(parseLabels('a=1,b="x,y",c='), { a: "1", b: "x,y", c: "" });
  for (const bad of ["", "a", "a=1,b", ",", "=x"]) {
    assert.throws(
      () => parseLabels(bad),
      (error) => isFault(error, "usage"),
      bad,
    );
  }
});

test("any text is a target or a usage error, at once", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 200 }), (text) => {
      try {
        parseTarget(text);
      } catch (error) {
        assert.ok(isFault(error, "usage"));
      }
    }),
  );
});
