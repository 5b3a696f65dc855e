/** One check of a machine: what came out, in a sentence, and what mends it. The failures are those of the work itself. */
import { isFault } from "#base/fault.ts";

/** How a check ended. `skipped`: it could not be made, and that alone is nothing wrong. */
export type CheckOutcome = "ok" | "problem" | "skipped";

/** What a person reads of a check. */
export interface CheckResult {
  readonly name: string;
  readonly outcome: CheckOutcome;
  readonly message: string;
  /** What to type or do. */
  readonly hint?: string;
}

/** What a check says that did not fail: what it found, or why it was not made. */
export type Verdict =
  | { readonly ok: string }
  | { readonly skipped: string; readonly hint?: string | undefined };

/** Runs a check; a fault is the problem that it found. */
export async function check(name: string, run: () => Promise<Verdict>): Promise<CheckResult> {
  try {
    const verdict = await run();
    if ("ok" in verdict) return { name, outcome: "ok", message: verdict.ok };
    return { name, outcome: "skipped", message: verdict.skipped, ...hintOf(verdict) };
  } catch (error) {
    if (!isFault(error)) throw error;
    return { name, outcome: "problem", message: error.message, ...hintOf(error) };
  }
}

function hintOf({ hint }: { readonly hint?: string | undefined }): { readonly hint?: string } {
  return hint === undefined || hint === "" ? {} : { hint };
}
