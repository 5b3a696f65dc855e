/** The words for a node that the proxy does not connect us to. */
import { Fault, type FaultCode, isFault, messageOf } from "#base/fault.ts";
import type { DialTarget } from "../access.ts";

/** A refusal of the proxy in the words that every client of this API prints. */
export function refusal(target: DialTarget, error: unknown): Fault {
  const code: FaultCode = isFault(error) ? error.code : "unavailable";
  const hint = isFault(error) ? error.hint : undefined;
  return new Fault(
    code,
    `failed connecting to host ${target.host}:${target.port}: ${messageOf(error)}`,
    { ...(hint === undefined ? {} : { hint }), cause: error },
  );
}
