import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import type { Rdn } from "#x509/name.ts";
import { makeSystem, makeUser, testDevice } from "../../test/support/identity.ts";
import { decodeSubject, encodeSubject } from "./subject.ts";

const end = new Date("2026-01-01T12:00:00Z");
const good = encodeSubject(makeUser({ device: testDevice }));
const without = (type: string): Rdn[] => good.filter((rdn) => rdn.type !== type);
const replaced = (type: string, value: string): Rdn[] => [...without(type), { type, value }];

const attacks: readonly (readonly [string, readonly Rdn[]])[] = [
  ["an empty subject", []],
  ["no user", without("2.5.4.3")],
  ["two users", [...good, { type: "2.5.4.3", value: "mallory" }]],
  ["no cluster", without("1.3.9999.1.7")],
  ["two clusters", [...good, { type: "1.3.9999.1.7", value: "other" }]],
  ["traits twice", [...good, { type: "2.5.4.17", value: "{}" }]],
  ["traits that are no JSON", replaced("2.5.4.17", "{logins")],
  ["traits that are a list", replaced("2.5.4.17", "[]")],
  ["traits that are null", replaced("2.5.4.17", "null")],
  ["traits with a text for a list", replaced("2.5.4.17", '{"logins":"root"}')],
  ["traits with a number", replaced("2.5.4.17", '{"logins":[0]}')],
  ["traits that reach for a prototype", replaced("2.5.4.17", '{"__proto__":["x"]}')],
  ["oversized traits", replaced("2.5.4.17", `{"a":["${"x".repeat(40_000)}"]}`)],
  ["an oversized name", replaced("2.5.4.3", "x".repeat(2000))],
  [
    "too many attributes",
    [...good, ...Array.from({ length: 3000 }, () => ({ type: "1.2.3", value: "x" }))],
  ],
  ["a device without asset tag", without("1.3.9999.3.2")],
  ["a device without credential", without("1.3.9999.3.3")],
  ["a device without id", without("1.3.9999.3.1")],
  ["a device with an empty credential", replaced("1.3.9999.3.3", "")],
  ["two device ids", [...good, { type: "1.3.9999.3.1", value: "another" }]],
  ["an unknown usage", [...good, { type: "2.5.4.11", value: "usage:nothing" }]],
  ["a usage without its prefix", [...good, { type: "2.5.4.11", value: "db" }]],
  ["a principal with a comma", [...good, { type: "2.5.4.7", value: "root,admin" }]],
  ["a line end in the name", replaced("2.5.4.3", "alice\nroot")],
  ["a NUL in the name", replaced("2.5.4.3", "alice\0")],
  ["a time that is none", [...good, { type: "1.3.9999.2.12", value: "tomorrow" }]],
  ["a list of resources", [...good, { type: "1.3.9999.2.10", value: "[]" }]],
  ["a system role", [...good, { type: "1.3.9999.2.11", value: "Admin" }]],
];

for (const [name, subject] of attacks) {
  test(`a user subject with ${name} is refused`, () => {
    assert.throws(
      () => decodeSubject(subject, end, "user"),
      (error) => isFault(error, "malformed"),
    );
  });
}

test("a user's subject is no host's, and the other way round", () => {
  assert.throws(
    () => decodeSubject(good, end, "host"),
    (error) => isFault(error, "malformed"),
  );
  const host = encodeSubject(makeSystem());
  assert.throws(
    () => decodeSubject(host, end, "user"),
    (error) => isFault(error, "malformed"),
  );
});

test("a host subject without a host, or with roles that nobody knows, is refused", () => {
  const cluster = { type: "1.3.9999.1.7", value: "example.com" };
  const role = { type: "1.3.9999.2.11", value: "Node" };
  for (const subject of [
    [{ type: "2.5.4.3", value: ".example.com" }, cluster, role],
    [{ type: "2.5.4.3", value: "host.other.com" }, cluster, role],
    [{ type: "2.5.4.3", value: "host" }, role],
    [{ type: "2.5.4.3", value: "host.example.com" }, cluster, { ...role, value: "King" }],
  ]) {
    assert.throws(
      () => decodeSubject(subject, end, "host"),
      (error) => isFault(error, "malformed"),
    );
  }
});

test("attributes that are not known here are ignored", () => {
  const more = [...good, { type: "1.3.9999.1.99", value: "new" }, { type: "2.5.4.5", value: "7" }];
  assert.deepEqual(decodeSubject(more, end, "user"), decodeSubject(good, end, "user"));
});
