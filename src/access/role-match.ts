/**
 * Whether one side of a role matches a target. Undecidable parts (a broken pattern, an expression that cannot be
 * evaluated) never grant: they count as no match in allow and as a match in deny.
 */
import { Fault } from "#base/fault.ts";
import { type LabelSelector, matchLabels } from "#expression/label-match.ts";
import { compileLabelExpression } from "#expression/scopes.ts";
import { expandTemplate } from "#expression/template.ts";
import type { Role } from "#resource/role.ts";
import { listOf, type RoleSet, type Side, sideOf } from "./role-set.ts";
import type { AccessTarget, Demand, Protocol } from "./target.ts";

const labelFields = {
  ssh: ["node_labels", "node_labels_expression"],
  db: ["db_labels", "db_labels_expression"],
  kube: ["kubernetes_labels", "kubernetes_labels_expression"],
  app: ["app_labels", "app_labels_expression"],
  desktop: ["windows_desktop_labels", "windows_desktop_labels_expression"],
} as const satisfies Record<Protocol, readonly [string, string]>;

/** Compiled expressions of roles; decisions repeat them. */
const compiled = new Map<string, ReturnType<typeof compileLabelExpression>>();

/** The part of the deny side that matches the target, as a path, or undefined. Any part alone denies. */
export function findDeny(set: RoleSet, role: Role, target: AccessTarget): string | undefined {
  const labels = matchesLabels(set, role, "deny", target);
  if (labels.selector === true) return `deny.${labelFields[target.protocol][0]}`;
  if (labels.expression === true) return `deny.${labelFields[target.protocol][1]}`;
  const demand = target.demands.find((wanted) => lists(set, role, "deny", wanted));
  return demand === undefined ? undefined : `deny.${demand.field}`;
}

/** True when the labels of the allow side match the target: every one of the two forms that the role uses. */
export function allowsLabels(set: RoleSet, role: Role, target: AccessTarget): boolean {
  const { selector, expression } = matchesLabels(set, role, "allow", target);
  if (selector === undefined && expression === undefined) return false;
  return selector !== false && expression !== false;
}

/** The first thing that the target demands and the allow side does not list, or undefined. */
export function findMissingDemand(
  set: RoleSet,
  role: Role,
  target: AccessTarget,
): Demand | undefined {
  return target.demands.find((demand) => !lists(set, role, "allow", demand));
}

/** The deny side may say `*` for everything; on the allow side a star is an ordinary character. */
function lists(set: RoleSet, role: Role, side: Side, demand: Demand): boolean {
  const values = listOf(set, role, side, demand.field);
  const anyValue = side === "deny" || demand.field === "db_names" || demand.field === "db_users";
  return values.includes(demand.value) || (anyValue && values.includes("*"));
}

/** Undefined for a form that the role does not use. */
function matchesLabels(
  set: RoleSet,
  role: Role,
  side: Side,
  target: AccessTarget,
): { selector: boolean | undefined; expression: boolean | undefined } {
  const [selectorField, expressionField] = labelFields[target.protocol];
  const selector = sideOf(role, side)[selectorField] ?? {};
  const expression = sideOf(role, side)[expressionField] ?? "";
  const undecided = side === "deny";
  return {
    selector:
      Object.keys(selector).length === 0
        ? undefined
        : decide(undecided, () => matchLabels(expandLabels(selector, set), target.labels)),
    expression:
      expression === ""
        ? undefined
        : decide(undecided, () => expressionOf(expression)(set.user, target.labels)),
  };
}

function decide(undecided: boolean, match: () => boolean): boolean {
  try {
    return match();
  } catch (error) {
    if (error instanceof Fault) return undecided;
    throw error;
  }
}

const matchesNothing: LabelSelector = { "": [] };

/** A value that resolves to nothing leaves its key without values, and such a key matches no resource. No trait makes a key `*`. */
function expandLabels(selector: LabelSelector, set: RoleSet): LabelSelector {
  const { traits } = set.user;
  const expanded = new Map<string, readonly string[]>();
  for (const [key, values] of Object.entries(selector)) {
    const name = expandTemplate(key, traits)[0];
    if (name === undefined || (name === "*" && key !== "*")) return matchesNothing;
    const known = expanded.get(name);
    if (known !== undefined) throw new Fault("invalid", `two labels of the role become "${name}"`);
    expanded.set(
      name,
      values.flatMap((value) => expandTemplate(value, traits)),
    );
  }
  return Object.fromEntries(expanded);
}

function expressionOf(source: string): ReturnType<typeof compileLabelExpression> {
  const known = compiled.get(source);
  if (known !== undefined) return known;
  const fresh = compileLabelExpression(source);
  if (compiled.size >= 256) compiled.clear();
  compiled.set(source, fresh);
  return fresh;
}
