/**
 * The catalogue against events that the reference wrote (`test/vectors/audit-events.jsonl`, one of
 * each kind, recorded from its log): made again from their fields, ours have the same code and the
 * same fields.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { timeOfUuid } from "#base/random.ts";
import { type EventType, eventTypes, findDefinition, severityOf } from "./catalogue.ts";
import { createEvent } from "./create.ts";
import type { AuditEvent } from "./event.ts";

const file = new URL("../../test/vectors/audit-events.jsonl", import.meta.url);
const recorded = readFileSync(file, "utf8")
  .trimEnd()
  .split("\n")
  .map((line) => JSON.parse(line) as AuditEvent);

for (const { ei, event, code, uid, time, cluster_name, ...fields } of recorded) {
  test(`makes ${event} with code ${code} as the reference does`, () => {
    const made = createEvent(event as EventType, fields as never, {
      clusterName: cluster_name,
      now: new Date(time),
      random: (length) => new Uint8Array(length),
      index: ei,
    });
    const { uid: ourUid, ...ours } = made;
    const milliseconds = new Date(time).toISOString();
    assert.deepEqual(ours, { ei, event, code, time: milliseconds, cluster_name, ...fields });
    assert.deepEqual(timeOfUuid(ourUid), new Date(time));
    assert.notEqual(uid, ourUid);
  });
}

test("takes the code of a failure when success is false", () => {
  const codes = (success: boolean) =>
    createEvent(
      "user.login",
      { user: "alice", success, method: "local" },
      { clusterName: "example.com", now: new Date(0), random: (n) => new Uint8Array(n) },
    ).code;
  assert.equal(codes(true), "T1000I");
  assert.equal(codes(false), "T1000W");
});

test("no two types share a code, and each code tells its severity", () => {
  const codes = eventTypes.flatMap((type) => {
    const code = findDefinition(type)?.code;
    if (typeof code === "function") return [code({}), code({ exitError: "x", error: "x" })];
    return typeof code === "object" ? [code.success, code.failure] : [code];
  });
  for (const code of codes) assert.match(code ?? "", /^(T|GH)[A-Z]*\d{2,4}[IWE]$/);
  assert.equal(new Set(codes).size, codes.length);
  assert.deepEqual(["T1I", "T1W", "T1E"].map(severityOf), ["info", "warning", "error"]);
});

test("file operations carry their number in the code", () => {
  const code = findDefinition("sftp")?.code;
  assert.ok(typeof code === "function");
  assert.equal(code({ action: 1 }), "TS001I");
  assert.equal(code({ action: 16, error: "no" }), "TS016E");
  for (const action of [-1, 1.5, 1000, Number.NaN, "1", undefined]) {
    assert.equal(code({ action }), "TS000I");
  }
});

test("refuses to make an event that does not exist or lacks a field", () => {
  const context = { clusterName: "c", now: new Date(0), random: (n: number) => new Uint8Array(n) };
  const make = (type: string, fields: object) =>
    createEvent(type as EventType, fields as never, context);
  assert.throws(() => make("user.nothing", {}), { code: "internal" });
  assert.throws(() => make("toString", {}), { code: "internal" });
  assert.throws(() => make("user.delete", { user: "alice" }), { code: "internal" });
});
