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

/**
 * What to send for a failure: the sentence of a {@link Fault} and, on lines of their own, its hint. Whoever throws it
 * leaves the hint out for peers that show a description as it is.
 */
export function describeOpenFailure(error: unknown): { reason: number; description: string } {
  if (!isFault(error)) return { reason: 2, description: "internal error" };
  const description = error.hint === undefined ? error.message : `${error.message}\n${error.hint}`;
  for (const [reason, [, code]] of reasons) {
    if (error.code === code) return { reason, description };
  }
  return { reason: 1, description };
}

/** The failure that the peer's refusal is to us; further lines of the description are its hint. */
export function channelRefused(reason: number, description: string): Fault {
  const [name, code] = reasons.get(reason) ?? ["refused", "unavailable"];
  const [sentence = "", ...more] = description.slice(0, 4000).split(/\r?\n/u);
  const text = showText(sentence, 500);
  const hint = more.map((line) => showText(line, 500)).join("\n");
  return new Fault(code, text === "" ? name : `${name} (${text})`, {
    ...(hint === "" ? {} : { hint }),
    audit: { reason },
  });
}
