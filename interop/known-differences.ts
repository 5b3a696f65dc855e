/**
 * What the official clients can do with their own server and cannot do with ours, each with its reason. A run fails when
 * an item passes: then it is no difference any more, and its line goes.
 */

/** One item: the name of a step of `interop/official` or of a row of `interop/go`, and why it fails. */
export interface KnownDifference {
  readonly item: string;
  readonly reason: string;
}

/** The list. */
export const knownDifferences: readonly KnownDifference[] = [];

/** What became of an item: as expected or not. */
export type Verdict = "passes" | "differs" | "fails" | "passes, but is listed";

/** Judges an item by the list. */
export function judge(item: string, passed: boolean): Verdict {
  const listed = knownDifferences.some((difference) => difference.item === item);
  if (passed) return listed ? "passes, but is listed" : "passes";
  return listed ? "differs" : "fails";
}
