import assert from "node:assert/strict";
import { test } from "node:test";
import { Fault } from "#base/fault.ts";
import type { MeasuredBootRule } from "./attestation-policy.ts";
import { parseResourceOf } from "./parse.ts";
import { defaultAttestationPolicy } from "./singletons.ts";

function parse(spec: object) {
  return parseResourceOf("attestation_policy", { kind: "attestation_policy", spec });
}

/** Asserts that the rule is refused, and that the sentence says why. */
function refuses(rule: object, why: RegExp): void {
  assert.throws(
    () => parse({ measured_boot: [{ name: "r", secure_boot: true, ...rule }] }),
    (error) => error instanceof Fault && error.code === "invalid" && why.test(error.message),
  );
}

test("the default demands nothing and refuses SHA-1", () => {
  const { spec } = defaultAttestationPolicy();
  assert.deepEqual(spec, { allow_sha1_on_windows: false, measured_boot: [] });
});

test("a rule is about both systems and reports, unless it says otherwise", () => {
  const rule: MeasuredBootRule = {
    name: "r",
    os: ["linux", "windows"],
    mode: "report",
    secure_boot: true,
  };
  assert.deepEqual(
    parse({ measured_boot: [{ name: "r", secure_boot: true }] }).spec.measured_boot,
    [rule],
  );
  const strict = { name: "s", os: "windows", mode: "enforce", unchanged_pcrs: [0, 7] };
  const [parsed] = parse({ measured_boot: [strict] }).spec.measured_boot;
  assert.deepEqual(parsed, { ...strict, os: ["windows"] });
});

test("a rule that demands nothing is refused: it would look like protection", () => {
  refuses({ secure_boot: false }, /demands nothing/);
  refuses({ secure_boot: undefined, unchanged_pcrs: [] }, /demands nothing/);
  refuses({ secure_boot: undefined, allowed_firmware: [] }, /demands nothing/);
});

test("unknown words, PCRs and systems are refused", () => {
  refuses({ mode: "warn" }, /report/);
  refuses({ os: ["macos"] }, /linux/);
  refuses({ unchanged_pcrs: [24] }, /0 to 23/);
  refuses({ name: "Two Words" }, /lower-case/);
  refuses({ secureboot: true }, /secureboot/);
  refuses({ allowed_firmware: [{}] }, /version/);
  refuses({ allowed_firmware: [{ pcr0: "AB".repeat(32) }] }, /SHA-256/);
});

test("two rules of one name are refused, and more rules than anybody reads", () => {
  const rule = { name: "r", secure_boot: true };
  assert.throws(() => parse({ measured_boot: [rule, rule] }), /alike/);
  const many = Array.from({ length: 51 }, (_, i) => ({ ...rule, name: `r${i}` }));
  assert.throws(() => parse({ measured_boot: many }), /at most 50/);
});
