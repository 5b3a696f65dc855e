import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Fault, isFault } from "#base/fault.ts";
import { anyUser, makeSystem, makeUser, testDevice } from "../../test/support/identity.ts";
import { decodeSubject, encodeSubject } from "./subject.ts";

const nothing = { pty: false, portForwarding: false, agentForwarding: false, x11Forwarding: false };

test("the subject of a user has the attributes of the public format", () => {
  const subject = encodeSubject(
    makeUser({
      roles: ["access", "editor"],
      usage: ["db"],
      loginIp: "127.0.0.1",
      device: testDevice,
    }),
  );
  const values = (type: string): string[] =>
    subject.filter((rdn) => rdn.type === type).map((rdn) => rdn.value);
  assert.deepEqual(values("2.5.4.3"), ["alice"]);
  assert.deepEqual(values("2.5.4.10"), ["access", "editor"]);
  assert.deepEqual(values("2.5.4.11"), ["usage:db"]);
  assert.deepEqual(values("2.5.4.7"), ["root", "ubuntu", "-teleport-internal-join"]);
  assert.deepEqual(values("2.5.4.9"), ["example.com"]);
  assert.deepEqual(values("2.5.4.17"), ['{"logins":["root","ubuntu"]}']);
  assert.deepEqual(values("1.3.9999.1.7"), ["example.com"]);
  assert.deepEqual(values("1.3.9999.1.9"), ["127.0.0.1"]);
  assert.deepEqual(values("1.3.9999.1.15"), ["none"]);
  assert.deepEqual(values("1.3.9999.3.1"), [testDevice.deviceId]);
  assert.deepEqual(values("1.3.9999.3.2"), [testDevice.assetTag]);
  assert.deepEqual(values("1.3.9999.3.3"), [testDevice.credentialId]);
});

test("a user without a device has no device attribute at all", () => {
  const subject = encodeSubject(makeUser());
  assert.equal(
    subject.some((rdn) => rdn.type.startsWith("1.3.9999.3.")),
    false,
  );
});

test("the subject of a host names host, role and cluster", () => {
  const node = makeSystem({ systemRoles: ["Node", "Db"] });
  const subject = encodeSubject(node);
  assert.deepEqual(subject, [
    { type: "2.5.4.3", value: `${node.hostId}.example.com` },
    { type: "1.3.9999.1.7", value: "example.com" },
    { type: "2.5.4.10", value: "Node" },
    { type: "1.3.9999.2.11", value: "Node" },
    { type: "1.3.9999.2.11", value: "Db" },
  ]);
  assert.deepEqual(decodeSubject(subject, node.expires, "host"), node);
});

test("reading a subject gives back the user, without what only SSH carries", () => {
  fc.assert(
    fc.property(anyUser, (user) => {
      const decoded = decodeSubject(encodeSubject(user), user.expires, "user");
      const expected = { ...user, permit: nothing };
      assert.deepEqual(decoded, expected);
    }),
  );
});

test("any subject is read or refused as a fault", () => {
  const type = fc.constantFrom(
    "2.5.4.3",
    "2.5.4.7",
    "2.5.4.10",
    "2.5.4.11",
    "2.5.4.17",
    "1.3.9999.1.7",
    "1.3.9999.3.1",
    "1.3.9999.3.2",
    "1.3.9999.3.3",
    "1.3.9999.2.11",
    "1.3.9999.2.12",
    "1.2.3",
  );
  const value = fc.oneof(
    fc.string(),
    fc.json(),
    fc.constantFrom("usage:db", "Node", "example.com"),
  );
  fc.assert(
    fc.property(
      fc.array(fc.record({ type, value })),
      fc.constantFrom("user", "host"),
      (subject, authority) => {
        try {
          decodeSubject(subject, new Date(0), authority as "user" | "host");
        } catch (error) {
          assert.ok(error instanceof Fault, String(error));
        }
      },
    ),
  );
});

test("what cannot be in a certificate is not written", () => {
  for (const changes of [
    { username: "" },
    { cluster: "" },
    { roles: [] },
    { username: "a\nb" },
    { username: "\ud800" },
    { logins: ["root,admin"] },
    { logins: ["-teleport-internal-join"] },
    { logins: ["a b"] },
    { logins: [""] },
    { device: { ...testDevice, assetTag: "" } },
    { traits: { long: ["x".repeat(40_000)] } },
    { roles: Array.from({ length: 3000 }, (_, i) => `role-${i}`) },
  ]) {
    assert.throws(
      () => encodeSubject(makeUser(changes)),
      (error) => isFault(error, "invalid"),
    );
  }
  assert.throws(
    () => encodeSubject(makeSystem({ systemRoles: [] })),
    (error) => isFault(error, "invalid"),
  );
});
