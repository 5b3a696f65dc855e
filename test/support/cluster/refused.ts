/** What every refusal of a program has in common: one sentence, what to do, the exit code, and no trace of the inside. */
import assert from "node:assert/strict";
import type { Ran } from "./machine.ts";

/** Checks a refusal. `hint` is for those where something can be done. */
export function assertRefused(
  { code, stdout, stderr }: Ran,
  exit: number,
  sentence: RegExp,
  hint?: RegExp,
): void {
  assert.equal(code, exit, stderr);
  assert.equal(stdout, "");
  const lines = stderr.split("\n");
  const errors = lines.filter((line) => line.startsWith("ERROR: "));
  assert.equal(errors.length, 1, stderr);
  assert.match(errors[0] ?? "", sentence);
  if (hint !== undefined) {
    const hints = lines.filter((line) => line.startsWith("hint: "));
    assert.match(hints.join("\n"), hint, stderr);
  }
  assert.doesNotMatch(stderr, /\n\s+at .*\(|node:internal/, "no stack trace");
}
