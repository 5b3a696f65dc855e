/**
 * How a ceremony ends in refusal: one sentence for the peer, whatever failed; the reason for the audit event.
 */
import { Fault, isFault } from "#base/fault.ts";

/** The two ceremonies. */
export type Ceremony = "enrollment" | "authentication";

const auditHint = "ask your cluster administrator: the audit log names the check that failed";

/** An `access-denied` fault with the generic sentence of the ceremony. */
export function refuseCeremony(ceremony: Ceremony, reason: string, why: string): Fault {
  return new Fault("access-denied", `device ${ceremony} refused`, {
    hint: auditHint,
    audit: { reason, why },
  });
}

/** Runs checks of evidence; refused or malformed evidence becomes the generic sentence of the ceremony. */
export function judgeEvidence<T>(ceremony: Ceremony, checks: () => T): T {
  try {
    return checks();
  } catch (error) {
    if (!isFault(error, "unproven", "malformed")) throw error;
    const { audit, message } = error;
    throw new Fault("access-denied", `device ${ceremony} refused`, {
      hint: auditHint,
      cause: error,
      audit: { why: message, ...audit },
    });
  }
}

/** An `invalid` fault: the peer's message breaks the protocol, and may be told how. */
export function badRequest(problem: string): Fault {
  return new Fault("invalid", problem, { audit: { reason: "bad_request" } });
}
