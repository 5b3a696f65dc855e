import assert from "node:assert/strict";
import { test } from "node:test";
import { PasswordHasher } from "#auth/users/password.ts";
import { isFault } from "#base/fault.ts";
import { systemRandom } from "#base/random.ts";

const hasher = new PasswordHasher(systemRandom);

test("verifies the password that was hashed and no other", async () => {
  const stored = await hasher.hash("correct horse battery");
  assert.match(stored, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  assert.equal(await hasher.verify("correct horse battery", stored), true);
  assert.equal(await hasher.verify("correct horse batterz", stored), false);
});

test("an empty password and a user without one never pass", async () => {
  const stored = await hasher.hash("correct horse battery");
  assert.equal(await hasher.verify("", stored), false);
  assert.equal(await hasher.verify("correct horse battery", undefined), false);
  assert.equal(await hasher.verify("-", undefined), false);
});

test("refuses short and oversized passwords", async () => {
  await assert.rejects(hasher.hash("short"), (error) => isFault(error, "invalid"));
  await assert.rejects(hasher.hash("x".repeat(1025)), (error) => isFault(error, "invalid"));
});

test("a flood is refused while the queue is full, and those in the queue are still served", async () => {
  const cheap = new PasswordHasher(systemRandom, { memory: 8, passes: 1 });
  const results = await Promise.allSettled(
    Array.from({ length: 80 }, () => cheap.verify("whatever it is", undefined)),
  );
  const refused = results.filter((r) => r.status === "rejected" && isFault(r.reason, "limit"));
  assert.equal(refused.length, 80 - 66);
  assert.equal(
    results.length - refused.length,
    results.filter((r) => r.status === "fulfilled").length,
  );
});

test("a stored hash of an unknown form, or of another cost, is an error, never a match", async () => {
  const cheap = new PasswordHasher(systemRandom, { memory: 8, passes: 1 });
  for (const stored of ["$2a$10$abc", await cheap.hash("correct horse battery")]) {
    await assert.rejects(hasher.verify("correct horse battery", stored), (e) =>
      isFault(e, "internal"),
    );
  }
});
