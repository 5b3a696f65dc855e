/** Keys are built so that no part can reach into another folder. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { boundsOf, compareKeys, formatKey, formatPrefix, isWithin, parseKey } from "./key.ts";

const part = fc
  .string({ unit: "binary", minLength: 1, maxLength: 20 })
  .filter((text) => text.isWellFormed() && !text.includes("\u{10ffff}"));

test("joins parts with slashes", () => {
  assert.equal(formatKey("roles", "access"), "/roles/access");
  assert.equal(formatPrefix("roles"), "/roles/");
});

test("escapes what would change the meaning of a key", () => {
  assert.equal(formatKey("users", "../roles/editor"), "/users/..%2Froles%2Feditor");
  assert.equal(formatKey("users", "a%2Fb\0"), "/users/a%252Fb%00");
});

test("gives back the parts of every key", () => {
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 4 }), (parts) => {
      assert.deepEqual(parseKey(formatKey(...parts)), parts);
    }),
  );
});

test("never puts a key of one folder into the range of another", () => {
  fc.assert(
    fc.property(part, part, part, (folder, other, name) => {
      const inside = isWithin(formatKey(other, name), boundsOf({ prefix: formatPrefix(folder) }));
      assert.equal(inside, folder === other);
    }),
  );
});

test("the range of a prefix holds exactly the keys that start with it", () => {
  fc.assert(
    fc.property(part, part, (a, b) => {
      const [prefix, key] = [formatKey(a), formatKey(b)];
      assert.ok(isWithin(`${prefix}x`, boundsOf({ prefix })));
      assert.equal(isWithin(key, boundsOf({ prefix })), key.startsWith(prefix));
    }),
  );
});

test("orders by code points, not by UTF-16 units", () => {
  assert.ok(compareKeys("/\uffee", "/\u{1f600}") < 0);
});

test("the order of any keys is that of their UTF-8 bytes", () => {
  const alike = fc.stringMatching(/^[a\ud7ff\ue000\uffee\u{10000}\u{1f600}]{0,6}$/u);
  fc.assert(
    fc.property(fc.oneof(part, alike), fc.oneof(part, alike), (a, b) => {
      const order = Buffer.compare(Buffer.from(a), Buffer.from(b));
      assert.equal(Math.sign(compareKeys(a, b)), order);
    }),
  );
});

test("refuses empty parts and texts that are no keys", () => {
  assert.throws(() => formatKey(), { code: "invalid" });
  assert.throws(() => formatKey("users", ""), { code: "invalid" });
  for (const text of ["", "users", "/", "/users/", "//a", "/a%2f", "/a%", "/a%41"]) {
    assert.throws(
      () => parseKey(text),
      (error: { code?: string }) => /malformed|invalid/.test(error.code ?? ""),
      text,
    );
  }
});
