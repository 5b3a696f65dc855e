import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { assertAllowed, refuse } from "./decision.ts";

test("a refusal becomes a fault with the same code, sentence, hint and audit fields", () => {
  const reason = refuse("locks", "locked out", {
    code: "locked",
    role: "access",
    rule: "deny.logins",
    hint: "wait",
    audit: { lock: "l" },
  });
  assert.throws(
    () => assertAllowed({ allowed: false, reason }),
    (error) => {
      assert.ok(isFault(error, "locked"));
      assert.equal(error.message, "locked out");
      assert.equal(error.hint, "wait");
      assert.deepEqual(error.audit, {
        check: "locks",
        role: "access",
        rule: "deny.logins",
        lock: "l",
      });
      return true;
    },
  );
});

test("a refusal without details denies access at authentication", () => {
  const reason = refuse("grant", "no");
  assert.deepEqual(reason, {
    check: "grant",
    code: "access-denied",
    message: "no",
    stage: "authentication",
    audit: { check: "grant" },
  });
});

test("a grant throws nothing", () => {
  assertAllowed({ allowed: true });
});
