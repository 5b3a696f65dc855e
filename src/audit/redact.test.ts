/** What is not classified is a secret, at every depth and in every shape. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Secret } from "#base/secret.ts";
import { allowedFields, eventTypes, findDefinition } from "./catalogue.ts";
import { redacted, redactFields } from "./redact.ts";

function allowed(type: string): ReadonlySet<string> {
  const definition = findDefinition(type);
  assert.ok(definition);
  return allowedFields(type, definition);
}

const login = allowed("user.login");

test("redacts a field that is in no table", () => {
  assert.deepEqual(redactFields({ user: "alice", password: "hunter2" }, login), {
    user: "alice",
    password: redacted,
  });
});

test("redacts a known field that the event may not have", () => {
  assert.deepEqual(redactFields({ command: "cat key" }, login), { command: redacted });
});

test("redacts an unknown field inside of an object", () => {
  const mfa_device = { mfa_device_name: "otp", secret: "JBSWY3DP" };
  assert.deepEqual(redactFields({ mfa_device }, login), {
    mfa_device: { mfa_device_name: "otp", secret: redacted },
  });
});

test("redacts values of another shape than the field has", () => {
  const given = {
    user: { toString: () => "x" },
    success: "yes",
    user_kind: 1.5,
    method: ["a"],
    mfa_device: "x",
  };
  for (const value of Object.values(redactFields(given, login))) assert.equal(value, redacted);
  const roles = redactFields({ roles: ["a", 1, { b: 2 }] }, allowed("user.create"));
  assert.deepEqual(roles, { roles: ["a", redacted, redacted] });
});

test("never writes a secret, wherever it stands", () => {
  const secret = new Secret("hunter2");
  for (const type of eventTypes) {
    const names = [...allowed(type), "unknown"];
    const given = Object.fromEntries(names.map((name) => [name, secret]));
    const nested = Object.fromEntries(names.map((name) => [name, { user: secret, x: [secret] }]));
    const lists = Object.fromEntries(names.map((name) => [name, [secret]]));
    const text = JSON.stringify([given, nested, lists].map((g) => redactFields(g, allowed(type))));
    assert.doesNotMatch(text, /hunter2/);
  }
});

test("lets nobody set the frame of an event, and leaves out what is undefined", () => {
  const given = {
    code: "T0000I",
    event: "x",
    uid: "x",
    time: "x",
    ei: 1,
    cluster_name: "x",
    user: undefined,
  };
  assert.deepEqual(redactFields(given, login), {});
});

test("is not confused by inherited names", () => {
  const given = JSON.parse(
    '{"__proto__": {"x": 1}, "constructor": "x", "toString": "x"}',
  ) as Record<string, unknown>;
  const written = redactFields(given, login);
  assert.equal(Object.getPrototypeOf(written), Object.prototype);
  assert.deepEqual(Object.values(written), [redacted, redacted, redacted]);
  const traits = { traits: JSON.parse('{"__proto__": ["x"]}') as unknown };
  const identity = redactFields({ identity: traits }, allowed("cert.create"));
  assert.equal(JSON.stringify(identity), '{"identity":{"traits":{"__proto__":["x"]}}}');
});

test("leaves trusted_device out of device events, which have a field for the device", () => {
  const given = { trusted_device: { device_id: "x" } };
  assert.deepEqual(redactFields(given, allowed("device.enroll")), { trusted_device: redacted });
  assert.deepEqual(redactFields(given, login), given);
});

test("cuts long texts and long lists, and mends half characters", () => {
  const text = `${"a".repeat(8190)}\u{1f600}${"b".repeat(1000)}`;
  const { user } = redactFields({ user: text }, login) as { user: string };
  assert.equal(user.length, 8192);
  assert.ok(user.isWellFormed() && user.endsWith("…"));
  const roles = Array.from({ length: 5000 }, String);
  const written = redactFields({ roles }, allowed("user.create")) as { roles: string[] };
  assert.equal(written.roles.length, 1000);
});

test("gives something that JSON can hold for any value", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...eventTypes),
      fc.dictionary(fc.string(), fc.anything()),
      fc.anything(),
      (type, given, any) => {
        const fields = allowed(type);
        const all = Object.fromEntries([...fields].map((name) => [name, any]));
        const written = redactFields({ ...given, ...all }, fields);
        assert.deepEqual(JSON.parse(JSON.stringify(written)), JSON.parse(JSON.stringify(written)));
      },
    ),
  );
});
