/**
 * Failures of the predicate language, with the place where they happened. Every failure is a `Fault` of code
 * `invalid`, so that a wrong expression is refused when it is saved and denies when it is evaluated.
 */
import { Fault, isFault } from "#base/fault.ts";
import { nearest } from "#base/nearest.ts";

/** A fault that names line and column of the offset `at` in `source`. Both count from 1. */
export function expressionFault(source: string, at: number, message: string, hint?: string): Fault {
  const before = source.slice(0, at).split("\n");
  const column = (before.at(-1)?.length ?? 0) + 1;
  const place = source.includes("\n")
    ? `line ${before.length}, column ${column}`
    : `column ${column}`;
  return new Fault("invalid", `${message} at ${place}`, hint === undefined ? {} : { hint });
}

/**
 * A value is missing or cannot be compared. The operators `&&` and `||` go on without it: where the other operands decide
 * alone, their result stands, whatever the order.
 */
export function undecidedFault(source: string, at: number, message: string): Fault {
  const { message: text } = expressionFault(source, at, message);
  return new Fault("invalid", text, { audit: { undecided: true } });
}

/** True for what {@link undecidedFault} made. */
export function isUndecided(error: unknown): error is Fault {
  return isFault(error, "invalid") && error.audit["undecided"] === true;
}

/** "did you mean" for a mistyped word, else the list of what exists, as a hint. */
export function hintWords(word: string, known: readonly string[]): string {
  const close = nearest(word, known);
  return close === undefined
    ? `known here: ${[...known].sort().join(", ")}`
    : `did you mean "${close}"?`;
}
