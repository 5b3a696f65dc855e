/**
 * Fields of a role that are written in the predicate language: `where` clauses, label expressions,
 * filters, templates and value patterns. They are checked when a document is read, so that a role
 * never stores what could not be evaluated. Meaning and evaluation are in `expression`.
 */
import * as z from "zod";
import { Fault } from "#base/fault.ts";
import { compileRegex } from "#expression/regex.ts";
import { compileLabelExpression, compileWhere } from "#expression/scopes.ts";
import { parseExpression } from "#expression/syntax.ts";
import { assertTemplate, isTemplate } from "#expression/template.ts";
import { optional, text } from "./scalar.ts";

/** The failure of a check as a sentence with its suggestion, or undefined when the check passes. */
export function failureOf(
  check: () => unknown,
): { message: string; suggestion: string | undefined } | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return { message: error.message, suggestion: error.hint };
  }
}

/** Text that must pass `check`, which throws a {@link Fault}. */
export function checkedText(check: (value: string) => unknown) {
  return text.superRefine((value, context) => {
    const failure = failureOf(() => check(value));
    if (failure === undefined) return;
    context.addIssue({
      code: "custom",
      message: failure.message,
      params: { suggestion: failure.suggestion },
    });
  });
}

function unlessEmpty(check: (value: string) => unknown) {
  return (value: string) => (value.trim() === "" ? undefined : check(value));
}

/** The `where` of a rule: over user, resource and session. */
export const whereClause = optional(checkedText(unlessEmpty(compileWhere)));

/** A label expression: over `labels` and `user`. */
export const labelExpression = optional(checkedText(unlessEmpty(compileLabelExpression)));

/** A predicate whose names are known to the service that evaluates it: only its form is checked. */
export const predicate = optional(checkedText(unlessEmpty(parseExpression)));

/** A list of texts that may be templates, such as `{{internal.logins}}`. */
export const templateList = z.preprocess(
  (value) => {
    if (value === null) return [];
    return Array.isArray(value) || value === undefined ? value : [value];
  },
  z.array(checkedText(assertTemplate)),
);

/** Throws for a label value that is a template or a regular expression `^…$` and cannot be read. */
export function assertLabelPattern(value: string): void {
  if (isTemplate(value)) assertTemplate(value);
  else if (value.startsWith("^") && value.endsWith("$")) compileRegex(value);
}
