/** Enrollment tokens: one use, one device, one day at most, whatever happens at the same time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openMemoryBackend } from "#backend/memory.ts";
import { ManualClock } from "#base/clock.ts";
import { isFault } from "#base/fault.ts";
import { systemRandom } from "#base/random.ts";
import { assertRefusedLater } from "../../../test/support/refusals.ts";
import { EnrollTokens } from "./tokens.ts";

function open() {
  const clock = new ManualClock(new Date("2026-11-21T10:00:00Z"));
  const backend = openMemoryBackend(clock);
  const context = { backend, clock, random: systemRandom };
  return { clock, backend, tokens: new EnrollTokens(context), others: new EnrollTokens(context) };
}

const alice = { deviceId: "device-1", username: "alice" };

test("of many who spend one token at the same time, in two auth services, one succeeds", async () => {
  const { tokens, others, backend } = open();
  for (let round = 0; round < 20; round++) {
    const { token } = await tokens.create({ deviceId: "device-1" }, "admin");
    const attempts = [tokens, others, tokens, others].map((store) =>
      store.spend(token.reveal(), alice),
    );
    const outcomes = await Promise.allSettled(attempts);
    assert.equal(outcomes.filter(({ status }) => status === "fulfilled").length, 1);
    await assertRefusedLater("enroll_token_spent", () => tokens.spend(token.reveal(), alice));
  }
  await backend.close();
});

test("each wrong presentation is refused in the same words, spends nothing, and is told apart in the audit reason", async () => {
  const { tokens, clock, backend } = open();
  const { token } = await tokens.create({ deviceId: "device-1" }, "admin");
  const text = token.reveal();
  const auto = await tokens.create({ deviceId: "device-1", autoEnrollUser: "bob" }, "bob");
  await assertRefusedLater("enroll_token_unknown", () => tokens.spend("nonsense", alice));
  await assertRefusedLater("enroll_token_unknown", () => tokens.spend("", alice));
  await assertRefusedLater("enroll_token_other_device", () =>
    tokens.spend(text, { ...alice, deviceId: "device-2" }),
  );
  await assertRefusedLater("enroll_token_other_user", () =>
    tokens.spend(auto.token.reveal(), alice),
  );
  await assert.rejects(tokens.spend("nonsense", alice), /^Fault: invalid device enrollment token$/);
  assert.equal((await tokens.list()).length, 2);
  await tokens.spend(text, alice);
  clock.advance(24 * 3_600_000);
  await assertRefusedLater("enroll_token_unknown", () => tokens.spend(text, alice));
  await backend.close();
});

test("tokens live an hour, for auto-enrollment five minutes, and never longer than a day", async () => {
  const { tokens, clock, backend } = open();
  const minutesLeft = (expires: Date) => (expires.getTime() - clock.now().getTime()) / 60_000;
  const usual = await tokens.create({ deviceId: "d" }, "admin");
  const auto = await tokens.create({ deviceId: "d", autoEnrollUser: "bob" }, "bob");
  assert.equal(minutesLeft(usual.record.expires), 60);
  assert.equal(minutesLeft(auto.record.expires), 5);
  const at = (ms: number) => new Date(clock.now().getTime() + ms);
  await tokens.create({ deviceId: "d", expires: at(24 * 3_600_000) }, "admin");
  for (const expires of [at(24 * 3_600_000 + 1), at(0), at(-1), new Date(Number.NaN)]) {
    const request = tokens.create({ deviceId: "d", expires }, "admin");
    await assert.rejects(request, (error) => isFault(error, "invalid"));
  }
  const text = usual.token.reveal();
  clock.advance(3_600_000 - 1);
  await tokens.spend(text, { deviceId: "d", username: "alice" });
  await backend.close();
});

test("the store holds no token, only its hash", async () => {
  const { tokens, backend } = open();
  const { token } = await tokens.create({ deviceId: "device-1" }, "admin");
  const { items } = await backend.range({ prefix: "" });
  const stored = items.map(({ key, value }) => key + new TextDecoder().decode(value)).join("\n");
  assert.ok(!stored.includes(token.reveal()));
  assert.match(stored, /device-1/);
  await backend.close();
});

test("a list shows what is still good; what is revoked, spent or expired is gone from it", async () => {
  const { tokens, clock, backend } = open();
  const first = await tokens.create({ deviceId: "device-1" }, "admin");
  await tokens.create({ deviceId: "device-1" }, "admin");
  await tokens.create({ deviceId: "device-2" }, "admin");
  assert.equal((await tokens.list()).length, 3);
  assert.equal((await tokens.list("device-1")).length, 2);
  await tokens.spend(first.token.reveal(), alice);
  const [left] = await tokens.list("device-1");
  assert.equal(left?.createdBy, "admin");
  await tokens.revoke(left.id);
  await assert.rejects(tokens.revoke(left.id), (error) => isFault(error, "not-found"));
  for (const id of ["", "x", "/", "0000000000000000", left.id.slice(0, 8)]) {
    await assert.rejects(tokens.revoke(id), (error) => isFault(error, "not-found"));
  }
  assert.deepEqual(await tokens.list("device-1"), []);
  clock.advance(3_600_000);
  assert.deepEqual(await tokens.list(), []);
  await backend.close();
});

test("a revoked token is refused, and so are all tokens of a device at once", async () => {
  const { tokens, backend } = open();
  const { token } = await tokens.create({ deviceId: "device-1" }, "admin");
  await tokens.revokeAll("device-1");
  await assertRefusedLater("enroll_token_unknown", () => tokens.spend(token.reveal(), alice));
  await backend.close();
});
