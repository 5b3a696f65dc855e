/**
 * The uses of the predicate language and what each may name: filters of resource lists, `where` clauses of rules,
 * and label expressions of roles (spec of the public API: role reference, predicate language).
 */
import { compilePredicate } from "./evaluate.ts";
import * as functions from "./functions.ts";
import type { Labels } from "./label-match.ts";
import { defineScope, type FunctionSpec, type Value } from "./scope.ts";

/** Functions that compare; every use of the language has them. */
export const comparing: Record<string, FunctionSpec> = {
  equals: functions.equals,
  exists: functions.exists,
  contains: functions.contains,
  contains_any: functions.containsAny,
  contains_all: functions.containsAll,
  hasPrefix: functions.hasPrefix,
  has_prefix: functions.hasPrefix,
  all_equal: functions.allEqual,
  all_end_with: functions.allEndWith,
  is_subset: functions.isSubset,
  set: functions.set,
  split: functions.split,
};

/** Functions that change texts. */
export const changing: Record<string, FunctionSpec> = {
  "email.local": functions.emailLocal,
  "regexp.match": functions.regexpMatch,
  "regexp.replace": functions.regexpReplace,
  "strings.upper": functions.upper,
  "strings.lower": functions.lower,
};

const filterScope = defineScope(
  { name: "string", labels: "strings", resource: "document" },
  { ...comparing, search: functions.search },
);

const whereScope = defineScope(
  {
    "user.metadata.name": "string",
    "user.spec.traits": "lists",
    "user.spec.roles": "list",
    resource: "document",
    "session.participants": "list",
    "ssh_session.participants": "list",
    impersonate_role: "document",
    impersonate_user: "document",
  },
  { ...comparing, ...changing },
);

const labelScope = defineScope(
  {
    labels: "strings",
    "user.metadata.name": "string",
    "user.spec.traits": "lists",
    "user.spec.roles": "list",
  },
  { ...comparing, ...changing, labels_matching: functions.labelsMatching },
);

/** What a filter sees of one resource. */
export interface FilterSubject {
  /** The name that people use: the host name of a node, else the resource's name. */
  readonly name: string;
  /** Static and dynamic labels together. */
  readonly labels: Labels;
  /** The whole document, for `resource.…`. */
  readonly resource: object;
  /** Further texts that `search` looks at, such as addresses. Name and labels are always searched. */
  readonly searchable?: readonly string[];
}

/**
 * Compiles the filter of `tsh ls --query` and ListResources. Throws `invalid` with position and nearest word; so does
 * the result, for a resource whose fields have other types than the filter needs.
 */
export function compileResourceFilter(source: string): (subject: FilterSubject) => boolean {
  const predicate = compilePredicate(source, filterScope);
  return (subject) =>
    predicate.test({
      name: subject.name,
      labels: subject.labels,
      resource: subject.resource as Value,
      [functions.searchableName]: searchableOf(subject),
    });
}

/** True when every word occurs in the name, a label or another shown field: `tsh ls --search=a,b`. */
export function matchesSearch(words: readonly string[], subject: FilterSubject): boolean {
  const fields = searchableOf(subject).map((field) => field.toLowerCase());
  return words.every((word) => fields.some((field) => field.includes(word.toLowerCase())));
}

function searchableOf(subject: FilterSubject): string[] {
  return [subject.name, ...(subject.searchable ?? []), ...Object.entries(subject.labels).flat()];
}

/** The user as expressions see them. */
export interface ExpressionUser {
  readonly name: string;
  readonly roles: readonly string[];
  readonly traits: Readonly<Record<string, readonly string[]>>;
}

/** What a `where` clause may name besides the user. What is missing makes the clause undecidable. */
export interface WhereSubject {
  readonly resource?: object;
  readonly sessionParticipants?: readonly string[];
  readonly impersonateRole?: object;
  readonly impersonateUser?: object;
}

/** Compiles the `where` of a rule. Throws `invalid`; so does the result, when the clause cannot be decided. */
export function compileWhere(
  source: string,
): (user: ExpressionUser, subject: WhereSubject) => boolean {
  const predicate = compilePredicate(source, whereScope);
  return (user, subject) => {
    const values: Record<string, Value> = userValues(user);
    if (subject.resource !== undefined) values["resource"] = subject.resource as Value;
    if (subject.sessionParticipants !== undefined) {
      values["session.participants"] = subject.sessionParticipants;
      values["ssh_session.participants"] = subject.sessionParticipants;
    }
    if (subject.impersonateRole !== undefined) {
      values["impersonate_role"] = subject.impersonateRole as Value;
    }
    if (subject.impersonateUser !== undefined) {
      values["impersonate_user"] = subject.impersonateUser as Value;
    }
    return predicate.test(values);
  };
}

/** Compiles a label expression of a role. Throws `invalid`; so does the result, when it cannot be decided. */
export function compileLabelExpression(
  source: string,
): (user: ExpressionUser, labels: Labels) => boolean {
  const predicate = compilePredicate(source, labelScope);
  return (user, labels) => predicate.test({ ...userValues(user), labels });
}

/** The values of the identifiers `user.…`. */
export function userValues(user: ExpressionUser): Record<string, Value> {
  return {
    "user.metadata.name": user.name,
    "user.spec.roles": user.roles,
    "user.spec.traits": user.traits,
  };
}
