/**
 * Who may call what. Every handler of auth begins with one of these; `test/route-guards.test.ts` holds the list of
 * methods that strangers may call.
 */
import { decideIdentity } from "#access/decide-access.ts";
import { assertAllowed, refusalFault } from "#access/decision.ts";
import { checkRule, type RuleRequest } from "#access/rules.ts";
import type { CallContext } from "#api/grpc/service.ts";
import type { Peer } from "#api/peer.ts";
import { Fault } from "#base/fault.ts";
import type { Identity, SystemIdentity, SystemRole, UserIdentity } from "#identity/identity.ts";
import type { AuthContext } from "../context.ts";
import { loadPolicy } from "../policy.ts";

/** A call to the auth API. */
export type AuthCall = CallContext<Peer>;

/** A verb of a rule. */
export type RuleVerb = RuleRequest["verb"];

/** The caller is of the wrong sort, whatever their roles say. `who` is who may call, for the audit log. */
const denied = (who: string) =>
  new Fault("access-denied", "access denied", {
    audit: { check: "caller", rule: `only for ${who}` },
  });

/**
 * Runs before every call: whoever shows a certificate must still be good at this moment, also on a connection that was
 * opened long ago. Strangers pass; the handlers decide what they may do, which is almost nothing.
 */
export async function checkPeer(context: AuthContext, call: AuthCall): Promise<void> {
  const { identity, address } = call.peer;
  if (!identity) return;
  const policy = await loadPolicy(context);
  assertAllowed(decideIdentity({ identity, policy, now: context.clock.now(), clientIp: address }));
}

/** The caller's identity; throws `access-denied` for a stranger. */
export function requireIdentity(call: AuthCall): Identity {
  if (!call.peer.identity) throw denied("members of the cluster");
  return call.peer.identity;
}

/** The calling person; throws `access-denied` for strangers and services. */
export function requireUser(call: AuthCall): UserIdentity {
  const identity = requireIdentity(call);
  if (identity.kind !== "user") throw denied("people");
  return identity;
}

/** The calling service of the cluster; throws `access-denied` for everybody else and for services of other roles. */
export function requireSystem(call: AuthCall, ...roles: readonly SystemRole[]): SystemIdentity {
  const identity = requireIdentity(call);
  const who = roles.includes("Admin") ? "the administrator of the auth host" : "services";
  if (identity.kind !== "system") throw denied(who);
  if (roles.length > 0 && !identity.systemRoles.some((role) => roles.includes(role)))
    throw denied(who);
  return identity;
}

/**
 * Throws `access-denied` unless the caller's roles allow every verb on the kind. A rule whose `where` clause needs the
 * resource is asked again by {@link authorizeResource}; until then it counts as no.
 */
export async function authorize(
  context: AuthContext,
  call: AuthCall,
  kind: string,
  ...verbs: readonly RuleVerb[]
): Promise<Identity> {
  const identity = requireIdentity(call);
  const { roles } = await loadPolicy(context);
  for (const verb of verbs) {
    const decision = checkRule({ identity, roles, kind, verb });
    if (!decision.allowed) throw refusalFault(decision.reason);
  }
  return identity;
}

/** Whether the caller's roles allow the verb on this one resource. */
export async function mayUse(
  context: AuthContext,
  call: AuthCall,
  kind: string,
  verb: RuleVerb,
  subject?: RuleRequest["subject"],
): Promise<boolean> {
  const identity = requireIdentity(call);
  const { roles } = await loadPolicy(context);
  const request =
    subject === undefined
      ? { identity, roles, kind, verb }
      : { identity, roles, kind, verb, subject };
  return checkRule(request).allowed;
}
