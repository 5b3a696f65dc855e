/** What an event says about a refusal: which check refused, by which rule, and what would help. */
import { Fault, isFault } from "#base/fault.ts";
import { fields } from "./fields.ts";

const known: Readonly<Record<string, unknown>> = fields.refusal.shape;

/** The field `refusal` of the event about this fault; nothing for faults that no check of access made. */
export function refusalFields({ audit, hint }: Pick<Fault, "audit" | "hint">): {
  readonly refusal?: Readonly<Record<string, string>>;
} {
  if (audit["check"] === undefined) return {};
  const said = Object.entries(audit)
    .filter(([name]) => Object.hasOwn(known, name))
    .map(([name, value]) => [name, String(value)]);
  return { refusal: { ...Object.fromEntries(said), ...(hint === undefined ? {} : { hint }) } };
}

/** A fault that is in the audit log under this id, with the line that leads to its whole reason. */
export function explained(error: unknown, id: string): unknown {
  if (!isFault(error)) return error;
  const hint = error.hint === undefined ? explainHint(id) : `${error.hint}\n${explainHint(id)}`;
  const audit = { ...error.audit, refusal_id: id };
  return new Fault(error.code, error.message, { hint, audit, cause: error });
}

/** The line that leads from a refusal to its whole reason. */
export function explainHint(id: string): string {
  return `the whole reason: tctl explain ${id}`;
}
