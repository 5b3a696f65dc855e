/**
 * Nobody grants more than they hold. Whoever may update both roles and users could give themselves anything in two
 * steps, so to them the question does not apply unless the cluster is `strict`; that is how the preset `editor`
 * assigns roles. Everybody else (a help desk that may only update users, an author of roles) passes on only roles and
 * trait values of their own. Taking a role away counts like giving it, since a role may carry a deny rule or demand a
 * device. The caller has checked the rule for the action itself.
 */
import type { Identity, Traits, UserIdentity } from "#identity/identity.ts";
import type { Role } from "#resource/role.ts";
import { type AuditFields, type Refusal, refuse } from "./decision.ts";
import { checkRule } from "./rules.ts";

/** How a cluster reads the rule: `strict` binds editors too. */
export type GrantMode = "permissive" | "strict";

/** Who grants, under which roles. */
export interface Granter {
  readonly identity: Identity;
  readonly roles: ReadonlyMap<string, Role>;
  readonly mode: GrantMode;
}

/** What a user has: before and after a change. A user who does not exist yet has nothing. */
export interface Holdings {
  readonly roles: readonly string[];
  readonly traits: Traits;
}

/** The answer; `audit` says what was passed on that the granter does not hold. */
export type GrantDecision =
  | { readonly allowed: true; readonly audit: AuditFields }
  | { readonly allowed: false; readonly reason: Refusal };

/** Whether the granter may change a user's roles and traits so. */
export function mayChangeUser(granter: Granter, before: Holdings, after: Holdings): GrantDecision {
  const own = holdingsOf(granter.identity);
  const roles = changed(before.roles, after.roles).filter((role) => !own.roles.includes(role));
  const traits = Object.keys(after.traits).filter((name) =>
    valuesOf(after.traits, name).some(
      (value) =>
        !valuesOf(before.traits, name).includes(value) &&
        !valuesOf(own.traits, name).includes(value),
    ),
  );
  const audit: AuditFields = {
    ...(roles.length === 0 ? {} : { roles_not_held: roles.join(",") }),
    ...(traits.length === 0 ? {} : { traits_not_held: traits.join(",") }),
  };
  if ((roles.length === 0 && traits.length === 0) || isFree(granter))
    return { allowed: true, audit };
  const [role] = roles;
  const message =
    role === undefined
      ? `you cannot grant values of trait "${traits[0]}" that you do not have`
      : `you cannot grant or withdraw role "${role}", which you do not have`;
  return { allowed: false, reason: refuse("grant", message, { hint: grantHint, audit }) };
}

/** Whether the granter may write a role, which changes what all its holders may do. */
export function mayWriteRole(granter: Granter, name: string): GrantDecision {
  const held = holdingsOf(granter.identity).roles.includes(name);
  if (isFree(granter) || (granter.mode === "strict" && holdsEditing(granter) && !held)) {
    return { allowed: true, audit: held ? { role_held_by_author: name } : {} };
  }
  const message = held
    ? `you cannot change role "${name}", which you have yourself`
    : `you cannot write role "${name}": that takes update on both roles and users`;
  return { allowed: false, reason: refuse("grant", message, { hint: grantHint, audit: { name } }) };
}

const grantHint = "ask an administrator whose role allows update on both role and user";

/** True when no grant is more than the granter could take anyhow. */
function isFree(granter: Granter): boolean {
  if (granter.identity.kind === "system") return holdsEditing(granter);
  return granter.mode === "permissive" && holdsEditing(granter);
}

function holdsEditing({ identity, roles }: Granter): boolean {
  return (["role", "user"] as const).every(
    (kind) => checkRule({ identity, roles, kind, verb: "update" }).allowed,
  );
}

function holdingsOf(identity: Identity): Holdings {
  if (identity.kind === "system") return { roles: [], traits: {} };
  const { roles, traits }: Pick<UserIdentity, "roles" | "traits"> = identity;
  return { roles, traits };
}

function changed(before: readonly string[], after: readonly string[]): string[] {
  const given = after.filter((role) => !before.includes(role));
  const taken = before.filter((role) => !after.includes(role));
  return [...new Set([...given, ...taken])];
}

function valuesOf(traits: Traits, name: string): readonly string[] {
  return Object.hasOwn(traits, name) ? (traits[name] ?? []) : [];
}
