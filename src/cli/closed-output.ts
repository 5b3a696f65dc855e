/** A standard output that was closed before the program began (`>&-`): what is printed there is lost. */
import { Fault } from "#base/fault.ts";

/**
 * Throws when the launcher found it closed. The program cannot see that itself: the runtime opens the free descriptor to
 * nowhere before any of our code runs.
 */
export function refuseClosedOutput(env: Readonly<Record<string, string | undefined>>): void {
  if (env["GATEHOUSE_STDOUT"] !== "closed") return;
  throw new Fault("environment", "the output cannot be written: standard output is closed", {
    hint: "to throw the output away: >/dev/null",
  });
}
