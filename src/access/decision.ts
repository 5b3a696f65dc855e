/**
 * The vocabulary of access decisions: what a decision is, and how a refusal is explained. Decisions are values, not
 * exceptions; `refusalFault` turns a refusal into the fault that an edge reports.
 */
import { Fault, type FaultCode } from "#base/fault.ts";

/** Names of the checks, in the order in which `decideAccess` makes them. */
export type CheckName =
  | "policy-current"
  | "certificate-validity"
  | "certificate-usage"
  | "source-address"
  | "certificate-principal"
  | "roles-known"
  | "deny-rules"
  | "allow-rules"
  | "session-mfa"
  | "role-device-mode"
  | "role-device-posture"
  | "locks"
  | "cluster-device-mode"
  | "cluster-device-posture"
  | "reattestation"
  | "review"
  | "resource-rules"
  | "grant";

/**
 * Where a refusal becomes visible to an SSH client: `authentication` fails the login, `session` refuses the first
 * channel with the message (device trust, section 3.4). Other protocols make no difference.
 */
export type RefusalStage = "authentication" | "session";

/** Fields for an audit event. */
export type AuditFields = Readonly<Record<string, string | number | boolean>>;

/** Why access was refused. */
export interface Refusal {
  /** The check that refused. */
  readonly check: CheckName;
  readonly code: FaultCode;
  /** Safe to show to the person who was refused. */
  readonly message: string;
  readonly stage: RefusalStage;
  /** The role whose deny rule or option refused. */
  readonly role?: string;
  /** The part of the role or resource, as a path: `deny.logins`, `options.device_trust_mode`. */
  readonly rule?: string;
  /** What the person can type or do next. */
  readonly hint?: string;
  readonly audit: AuditFields;
}

/** Access is granted, or refused for a reason. */
export type Decision =
  | { readonly allowed: true }
  | { readonly allowed: false; readonly reason: Refusal };

/** Parts of a refusal that have a default. */
type RefusalDetails = Partial<Omit<Refusal, "check" | "message">>;

/** A refusal; check, role and rule are added to the audit fields. */
export function refuse(check: CheckName, message: string, details: RefusalDetails = {}): Refusal {
  const { role, rule } = details;
  return {
    code: "access-denied",
    stage: "authentication",
    ...details,
    check,
    message,
    audit: {
      check,
      ...(role === undefined ? {} : { role }),
      ...(rule === undefined ? {} : { rule }),
      ...details.audit,
    },
  };
}

/** The fault that reports a refusal: same code, message, hint and audit fields. */
export function refusalFault(reason: Refusal): Fault {
  return new Fault(reason.code, reason.message, {
    ...(reason.hint === undefined ? {} : { hint: reason.hint }),
    audit: reason.audit,
  });
}

/** Throws {@link refusalFault} unless access is allowed. */
export function assertAllowed(decision: Decision): void {
  if (!decision.allowed) throw refusalFault(decision.reason);
}
