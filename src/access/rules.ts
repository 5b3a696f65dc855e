/**
 * Rules of roles: who may do what with resources of the auth API. Deny wins; without a rule the answer is no. A
 * `where` clause that cannot be decided (it asks for a resource that the call has not read yet) never grants, and
 * denies in a deny rule.
 */
import { Fault } from "#base/fault.ts";
import { compileWhere, type WhereSubject } from "#expression/scopes.ts";
import type { Identity, UserIdentity } from "#identity/identity.ts";
import type { Role } from "#resource/role.ts";
import type { Rule, Verb } from "#resource/role-conditions.ts";
import { checkRolesKnown } from "./access-checks.ts";
import { type Refusal, refuse } from "./decision.ts";
import { applyRoles, type RoleSet, type Side, sideOf } from "./role-set.ts";

/** A question about an action of the auth API. */
export interface RuleRequest {
  readonly identity: Identity;
  readonly roles: ReadonlyMap<string, Role>;
  /** Kind of the resource: `role`, `device`. */
  readonly kind: string;
  readonly verb: Exclude<Verb, "*">;
  /** What `where` clauses may look at: the resource itself when it is known. */
  readonly subject?: WhereSubject;
}

/** The answer. `conditional`: a `where` clause needs the resource, so ask again for each one. */
export type RuleDecision =
  | { readonly allowed: true }
  | { readonly allowed: false; readonly reason: Refusal; readonly conditional: boolean };

/**
 * Whether the rules of the identity's roles allow the action. The local administrator may do everything; other
 * services of the cluster have no roles and are answered by the service that they call.
 */
export function checkRule(request: RuleRequest): RuleDecision {
  const { identity, kind, verb } = request;
  if (identity.kind === "system") {
    if (identity.systemRoles.includes("Admin")) return { allowed: true };
    return { allowed: false, reason: refuseAction(kind, verb), conditional: false };
  }
  return checkUserRule({ ...request, identity });
}

function checkUserRule(request: RuleRequest & { readonly identity: UserIdentity }): RuleDecision {
  const { identity, kind, verb, subject = {} } = request;
  const set = applyRoles(identity, request.roles);
  const unknown = checkRolesKnown(set.missing);
  if (unknown !== undefined) return { allowed: false, reason: unknown, conditional: false };
  const denied = findRule(set, "deny", kind, verb, subject);
  const allowed = findRule(set, "allow", kind, verb, subject);
  if (denied.yes === undefined && denied.maybe === undefined && allowed.yes !== undefined) {
    return { allowed: true };
  }
  const denier = denied.yes ?? denied.maybe;
  const conditional =
    denied.yes === undefined && (allowed.yes !== undefined || allowed.maybe !== undefined);
  return { allowed: false, reason: refuseAction(kind, verb, denier), conditional };
}

function refuseAction(kind: string, verb: string, denier?: Role): Refusal {
  return refuse("resource-rules", `access denied to perform action "${verb}" on "${kind}"`, {
    ...(denier === undefined ? {} : { role: denier.metadata.name, rule: "deny.rules" }),
    hint:
      denier === undefined
        ? `ask an administrator for a role with the rule: resources [${kind}], verbs [${verb}]`
        : `a deny rule of role "${denier.metadata.name}" forbids it`,
    audit: { kind, verb },
  });
}

/** The first role with a rule that matches for sure, and the first with one that cannot be decided. */
interface FoundRules {
  readonly yes: Role | undefined;
  readonly maybe: Role | undefined;
}

function findRule(
  set: RoleSet,
  side: Side,
  kind: string,
  verb: string,
  subject: WhereSubject,
): FoundRules {
  let maybe: Role | undefined;
  for (const role of set.roles) {
    for (const rule of sideOf(role, side).rules ?? []) {
      if (!covers(rule, side, kind, verb)) continue;
      const holds = holdsWhere(set, rule, subject);
      if (holds === true) return { yes: role, maybe };
      if (holds === undefined) maybe ??= role;
    }
  }
  return { yes: undefined, maybe };
}

/** `read` includes `readnosecrets`; whoever is denied `readnosecrets` is denied `read` too. */
function covers(rule: Rule, side: Side, kind: string, verb: string): boolean {
  if (!rule.resources.includes(kind) && !rule.resources.includes("*")) return false;
  const verbs: readonly string[] = rule.verbs;
  if (verbs.includes(verb) || verbs.includes("*")) return true;
  if (verb === "readnosecrets") return verbs.includes("read");
  return side === "deny" && verb === "read" && verbs.includes("readnosecrets");
}

/** Compiled clauses of roles; decisions repeat them. */
const compiled = new Map<string, ReturnType<typeof compileWhere>>();

/** True or false, or undefined when the clause cannot be decided. */
function holdsWhere(set: RoleSet, rule: Rule, subject: WhereSubject): boolean | undefined {
  const source = rule.where ?? "";
  if (source.trim() === "") return true;
  try {
    return whereOf(source)(set.user, subject);
  } catch (error) {
    if (error instanceof Fault) return undefined;
    throw error;
  }
}

function whereOf(source: string): ReturnType<typeof compileWhere> {
  const known = compiled.get(source);
  if (known !== undefined) return known;
  const fresh = compileWhere(source);
  if (compiled.size >= 256) compiled.clear();
  compiled.set(source, fresh);
  return fresh;
}
