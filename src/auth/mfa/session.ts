/**
 * Whether a session needs a second factor of its own, asked before it is opened. The server decides again when the
 * session comes; this answer only saves people a prompt, or a refusal.
 */
import { decideAccess } from "#access/decide-access.ts";
import { reachableOf } from "#access/reachable.ts";
import { satisfiesSessionMfa } from "#access/session-mfa.ts";
import { sshTarget } from "#access/target.ts";
import { Fault } from "#base/fault.ts";
import type { IsMFARequiredRequest } from "#gen/proto/mfa_pb.ts";
import type { Identity, UserIdentity } from "#identity/identity.ts";
import type { Node } from "#resource/node.ts";
import type { AuthContext } from "../context.ts";
import { loadPolicy } from "../policy.ts";

/**
 * True when only a second factor is missing. What is refused for another reason, or does not exist, needs none: the
 * answer tells nothing about servers that the person may not reach.
 */
export async function needsSessionMfa(
  context: AuthContext,
  identity: Identity,
  target: IsMFARequiredRequest["Target"],
): Promise<boolean> {
  // Nothing that administrators do asks for a second factor again.
  if (target.case === "AdminAction") return false;
  const person = personOf(identity);
  switch (target.case) {
    case "Node":
      return nodeNeedsMfa(context, person, target.value.Node, target.value.Login);
    case "KubernetesCluster":
    case "Database":
    case "WindowsDesktop":
    case "App":
      return clusterNeedsMfa(context, person);
    default:
      throw new Fault("invalid", "the request names nothing to reach");
  }
}

function personOf(identity: Identity): UserIdentity {
  if (identity.kind === "user") return identity;
  throw new Fault("access-denied", "sessions are opened by people");
}

/** For kinds that this cluster has none of, the cluster's own demand is all there is. */
async function clusterNeedsMfa(context: AuthContext, identity: UserIdentity): Promise<boolean> {
  const { authPreference } = await loadPolicy(context);
  return !satisfiesSessionMfa(authPreference.spec.require_session_mfa, identity);
}

async function nodeNeedsMfa(
  context: AuthContext,
  identity: UserIdentity,
  host: string,
  login: string,
): Promise<boolean> {
  if (host === "" || login === "") throw new Fault("invalid", "empty Node or Login field");
  const policy = await loadPolicy(context);
  const now = context.clock.now();
  const nodes = (await context.stores.nodes.all()).filter((node) => isNamed(node, host));
  return nodes.some((node) => {
    const { name: id } = node.metadata;
    const server = { id, hostname: node.spec.hostname, labels: reachableOf(node).labels };
    const decision = decideAccess({
      identity,
      policy,
      target: sshTarget(server, login),
      now,
      clientIp: identity.pinnedIp,
    });
    return !decision.allowed && decision.reason.check === "session-mfa";
  });
}

/** Clients send what was typed: the host name, the id, or either with a port. */
function isNamed({ metadata, spec }: Node, host: string): boolean {
  const wanted = host.replace(/:\d+$/, "");
  return [metadata.name, spec.hostname].includes(wanted) || [spec.addr].includes(host);
}
