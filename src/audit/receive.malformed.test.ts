/** What an agent may report, and everything else that it may not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import type { SystemIdentity } from "#identity/identity.ts";
import { receiveEvent } from "./receive.ts";
import { redacted } from "./redact.ts";

const now = new Date("2026-11-21T12:00:00Z");
const sender: SystemIdentity = {
  kind: "system",
  hostId: "36c64587-5aec-46b0-bed9-c31c2327b8f0",
  cluster: "example.com",
  systemRoles: ["Node"],
  expires: new Date("2027-01-01T00:00:00Z"),
};

const good = {
  event: "exec",
  uid: "9cdebedd-5336-4b54-9f64-e5f8c8b1cd00",
  time: "2026-11-21T11:59:59.123456789Z",
  user: "alice",
  login: "root",
  server_id: sender.hostId,
  command: "exit 7",
  exitCode: "7",
};

test("takes an event of the agent itself and gives it the frame of this cluster", () => {
  assert.deepEqual(receiveEvent({ ...good, code: "T3002I", cluster_name: "evil" }, sender, now), {
    ...good,
    ei: 0,
    code: "T3002E",
    time: "2026-11-21T11:59:59.123Z",
    cluster_name: "example.com",
  });
});

test("a proxy reports whom it refused, and nothing that happens on servers; a server the other way round", () => {
  const proxy: SystemIdentity = { ...sender, systemRoles: ["Proxy"] };
  const both: SystemIdentity = { ...sender, systemRoles: ["Proxy", "Node"] };
  const { uid, time } = good;
  const denial = { event: "access.denied", uid, time, user: "alice", rpc: "x", error: "locked" };
  const denied = (error: unknown) => isFault(error, "access-denied");
  for (const [event, from, taken] of [
    [denial, proxy, true],
    [denial, sender, false],
    [denial, both, true],
    [good, proxy, false],
    [good, both, true],
    [{ ...denial, event: "cert.create", cert_type: "user", identity: {} }, proxy, false],
  ] as const) {
    if (taken) assert.equal(receiveEvent(event, from, now).event, event.event);
    else assert.throws(() => receiveEvent(event, from, now), denied);
  }
});

test("redacts what nobody classified", () => {
  assert.equal(
    receiveEvent({ ...good, environment: "KEY=1" }, sender, now)["environment"],
    redacted,
  );
});

const refused: readonly [what: string, given: unknown, code: "malformed" | "access-denied"][] = [
  ["nothing", undefined, "malformed"],
  ["null", null, "malformed"],
  ["a list", [], "malformed"],
  ["a text", "exec", "malformed"],
  ["an unknown type", { ...good, event: "exec.x" }, "malformed"],
  ["a type that is a property of every object", { ...good, event: "constructor" }, "malformed"],
  [
    "a login, which is for auth to record",
    { ...good, event: "user.login", success: true, method: "local" },
    "access-denied",
  ],
  [
    "a certificate",
    { ...good, event: "cert.create", cert_type: "user", identity: {} },
    "access-denied",
  ],
  ["a device", { ...good, event: "device.enroll", success: true }, "access-denied"],
  [
    "an event of another server",
    { ...good, server_id: "7f0d7b3c-0000-4000-8000-000000000000" },
    "access-denied",
  ],
  ["an event without its command", { ...good, command: undefined }, "malformed"],
  ["an event without a uid", { ...good, uid: undefined }, "malformed"],
  ["a uid that reaches into another key", { ...good, uid: "../../x" }, "malformed"],
  ["a uid in capitals", { ...good, uid: good.uid.toUpperCase() }, "malformed"],
  ["no time", { ...good, time: undefined }, "malformed"],
  ["a time as a number", { ...good, time: 1 }, "malformed"],
  ["a time in a zone", { ...good, time: "2026-11-21T11:59:59+01:00" }, "malformed"],
  ["a time that does not exist", { ...good, time: "2026-11-41T11:59:59Z" }, "malformed"],
  ["a time before 1970", { ...good, time: "1969-11-21T11:59:59Z" }, "malformed"],
  ["a time in the future", { ...good, time: "2026-11-21T12:05:01Z" }, "malformed"],
  ["a negative index", { ...good, ei: -1 }, "malformed"],
  ["an index of 2^31", { ...good, ei: 2 ** 31 }, "malformed"],
];

for (const [what, given, code] of refused) {
  test(`refuses ${what}`, () => {
    assert.throws(() => receiveEvent(given, sender, now), { code });
  });
}

test("gives an event or a fault for any JSON", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (any, other) => {
      const merged = typeof any === "object" ? { ...good, ...any, command: other } : any;
      try {
        const event = receiveEvent(merged, sender, now);
        assert.equal(event.cluster_name, "example.com");
      } catch (error) {
        assert.ok(isFault(error), String(error));
      }
    }),
  );
});
