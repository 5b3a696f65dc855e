/** What people read who can do something about a fact. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { remediesFor } from "./posture-remedies.ts";

test("what helps depends on whether the fact is known", () => {
  const [off] = remediesFor([{ fact: "secure_boot", value: false }], "C02");
  const [unclear] = remediesFor([{ fact: "secure_boot", value: undefined }], "C02");
  assert.match(off ?? "", /^switch Secure Boot on/);
  assert.match(unclear ?? "", /tsh device doctor$/);
});

test("the device is named in what an administrator types", () => {
  assert.match(remediesFor([{ fact: "source", value: "" }], "C02").join(), /tctl get device\/C02$/);
});

test("facts that change in the same way are one sentence", () => {
  const facts = [
    { fact: "os_version", value: "12" },
    { fact: "os_build", value: "12 (bookworm)" },
  ] as const;
  assert.equal(remediesFor(facts, "C02").length, 1);
});
