/** Why a channel is not opened (RFC 4254 section 5.1), as a failure of ours and back. */
import { Fault, type FaultCode, isFault } from "#base/fault.ts";
import { showText } from "../transport/disconnect.ts";

/** Reason numbers with the name that the RFC gives them and the failure that they are to us. */
const reasons: ReadonlyMap<number, readonly [name: string, code: FaultCode]> = new Map([
  [1, ["administratively prohibited", "access-denied"]],
  [2, ["connect failed", "unavailable"]],
  [3, ["unknown channel type", "unimplemented"]],
  [4, ["resource shortage", "limit"]],
]);

/** What to send for a failure. Only the sentence of a {@link Fault} goes to the peer. */
export function describeOpenFailure(error: unknown): { reason: number; description: string } {
  if (!isFault(error)) return { reason: 2, description: "internal error" };
  for (const [reason, [, code]] of reasons) {
    if (error.code === code) return { reason, description: error.message };
  }
  return { reason: 1, description: error.message };
}

/** The failure that the peer's refusal is to us. */
export function channelRefused(reason: number, description: string): Fault {
  const [name, code] = reasons.get(reason) ?? ["refused", "unavailable"];
  const text = showText(description, 500);
  return new Fault(code, text === "" ? name : `${name} (${text})`, { audit: { reason } });
}
