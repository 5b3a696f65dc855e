import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { isFault } from "#base/fault.ts";
import { systemRandom } from "#base/random.ts";
import {
  createEnrollToken,
  enrollTokenTtl,
  findEnrollTokenProblem,
  hashEnrollToken,
  refuseEnrollToken,
} from "./token.ts";

const now = new Date("2026-11-21T12:00:00Z");
const later = (ms: number) => new Date(now.getTime() + ms);
const create = (more = {}) => createEnrollToken({ deviceId: "d", ...more }, now, systemRandom);

test("makes a token of 160 bits that lives an hour and is stored as a hash only", () => {
  const { token, record } = create();
  assert.match(token.reveal(), /^[0-9a-f]{40}$/);
  assert.equal(record.hash, hashEnrollToken(token.reveal()));
  assert.deepEqual(record.expires, later(enrollTokenTtl.defaultMs));
  assert.ok(!JSON.stringify(record).includes(token.reveal()));
  assert.ok(!inspect({ token, record }).includes(token.reveal()));
});

test("honours an expiry up to a day away and no other", () => {
  assert.deepEqual(create({ expires: later(1) }).record.expires, later(1));
  assert.deepEqual(
    create({ expires: later(enrollTokenTtl.maxMs) }).record.expires,
    later(86_400_000),
  );
  for (const expires of [now, later(-1), later(enrollTokenTtl.maxMs + 1), new Date(Number.NaN)]) {
    assert.throws(
      () => create({ expires }),
      (error) => isFault(error, "invalid"),
    );
  }
});

test("makes an auto-enrollment token for one user that lives five minutes", () => {
  const { record } = create({ autoEnrollUser: "alice" });
  assert.equal(record.username, "alice");
  assert.deepEqual(record.expires, later(300_000));
});

test("accepts a token for its device until it expires", () => {
  const { record } = create();
  const presented = { deviceId: "d", username: "alice" };
  assert.equal(findEnrollTokenProblem(record, presented, later(3_599_999)), undefined);
  assert.equal(findEnrollTokenProblem(record, presented, record.expires), "expired");
  assert.equal(findEnrollTokenProblem(undefined, presented, now), "unknown");
  assert.equal(
    findEnrollTokenProblem(record, { ...presented, deviceId: "e" }, now),
    "other_device",
  );
});

test("accepts an auto-enrollment token from its user only", () => {
  const { record } = create({ autoEnrollUser: "alice" });
  const by = (username: string) => findEnrollTokenProblem(record, { deviceId: "d", username }, now);
  assert.equal(by("alice"), undefined);
  assert.equal(by("mallory"), "other_user");
});

test("refuses in the words that clients know, with the reason in the audit event", () => {
  const fault = refuseEnrollToken("expired");
  assert.equal(fault.message, "invalid device enrollment token");
  assert.deepEqual(fault.audit, { reason: "enroll_token_expired" });
});
