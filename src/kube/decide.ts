/**
 * Whether a person may make one request to one Kubernetes cluster, and as whom. Pure: the view of the cluster's rules and
 * the time are arguments, and every request is decided anew. On top of what is decided here the API server applies its own
 * rules to the user and groups that the request goes on with.
 */
import { decideAccess } from "#access/decide-access.ts";
import { refusalFault } from "#access/decision.ts";
import {
  allowedPrincipals,
  choosePrincipal,
  type KubernetesPrincipal,
  type PrincipalWish,
} from "#access/kubernetes-principals.ts";
import {
  allowsObject,
  everything,
  type KubernetesObject,
  type KubernetesRules,
  kubernetesRules,
  scopeOfCollection,
} from "#access/kubernetes-resources.ts";
import { type KubernetesCluster, kubernetesTarget } from "#access/target.ts";
import type { AuthorityView } from "#api/authority-documents.ts";
import { Fault } from "#base/fault.ts";
import type { UserIdentity } from "#identity/identity.ts";
import type { Role } from "#resource/role.ts";
import type { ApiRequest, ResourceRequest } from "./request.ts";

/** A person at a cluster. */
export interface Person {
  readonly identity: UserIdentity;
  /** Address of the person's end. */
  readonly clientIp: string;
}

/** What a decision needs to know of its surroundings. */
export interface DecisionContext {
  readonly view: AuthorityView;
  readonly cluster: KubernetesCluster;
  readonly now: Date;
  /** For what began in time and may outlive its certificate. */
  readonly acceptExpired?: boolean;
}

/** What a person may do in a cluster. */
export interface ClusterGrant {
  readonly rules: KubernetesRules;
  readonly principal: KubernetesPrincipal;
  readonly roles: readonly Role[];
}

/** What becomes of one request that is allowed. */
export type RequestGrant =
  | { readonly type: "as-it-is" }
  /** What comes back may hold more than may be seen. */
  | {
      readonly type: "filtered";
      readonly verb: "list" | "watch";
      readonly object: KubernetesObject;
    }
  /** The object's name stands in the body, and decides. */
  | { readonly type: "named-in-body"; readonly object: KubernetesObject }
  /** Asks what the person may do: our rules answer as well. */
  | { readonly type: "review" };

/** Decides about the cluster as a whole. Throws the refusal. */
export function grantCluster(
  { identity, clientIp }: Person,
  { view, cluster, now, acceptExpired = false }: DecisionContext,
  wish: PrincipalWish,
): ClusterGrant {
  const decision = decideAccess({
    identity,
    policy: acceptExpired ? { ...view.policy, current: true } : view.policy,
    target: kubernetesTarget(cluster),
    now,
    clientIp,
    acceptExpired,
  });
  if (!decision.allowed) throw refusalFault(decision.reason);
  const { roleSet, matching } = decision;
  return {
    rules: kubernetesRules(roleSet, matching),
    principal: choosePrincipal(identity.username, allowedPrincipals(roleSet, matching), wish),
    roles: roleSet.roles,
  };
}

/** Decides about one request of somebody who may reach the cluster. Throws the refusal. */
export function grantRequest({ rules, roles }: ClusterGrant, request: ApiRequest): RequestGrant {
  if (request.kind === "path") {
    if (isDiscovery(request.verb, request.segments)) return { type: "as-it-is" };
    if (scopeOfCollection(rules, everything(request.verb)) === "all") return { type: "as-it-is" };
    throw denied(`no role allows everything, which the path /${request.segments[0]} needs`);
  }
  if (asksAboutItself(request)) {
    return { type: request.resource === "selfsubjectaccessreviews" ? "review" : "as-it-is" };
  }
  if (request.verb === "exec") assertNeedsNoRecording(roles);
  return request.name === ""
    ? grantCollection(rules, request)
    : grantObject(rules, objectOf(request));
}

/** Decides about one object. Throws the refusal. */
export function grantObject(rules: KubernetesRules, object: KubernetesObject): RequestGrant {
  if (allowsObject(rules, object)) return { type: "as-it-is" };
  throw denied(`no role allows ${nameOf(object)}`);
}

/** What the rules look at of a request. */
export function objectOf(request: ResourceRequest): KubernetesObject {
  const { verb, group, resource, namespace, name } = request;
  return { verb, group, resource, namespace, name };
}

function grantCollection(rules: KubernetesRules, request: ResourceRequest): RequestGrant {
  const object = objectOf(request);
  const scope = scopeOfCollection(rules, object);
  if (scope === "all") return { type: "as-it-is" };
  const { verb } = request;
  if (scope === "none") throw denied(`no role allows ${nameOf(object)}`);
  if (verb === "list" || verb === "watch") return { type: "filtered", verb, object };
  if (verb === "create") return { type: "named-in-body", object };
  throw denied(`no role allows ${nameOf(object)} whatever their names`, {
    hint: "name the objects one by one",
  });
}

/** Every client asks what there is before it asks for anything. */
function isDiscovery(verb: string, segments: readonly string[]): boolean {
  const [root = ""] = segments;
  const known = ["", "api", "apis", "version", "openapi", "healthz", "livez", "readyz"];
  return verb === "get" && known.includes(root);
}

function asksAboutItself({ verb, group, resource, name }: ResourceRequest): boolean {
  const asks = group === "authorization.k8s.io" || group === "authentication.k8s.io";
  return asks && verb === "create" && name === "" && resource.startsWith("selfsubject");
}

/** Nothing is recorded here; a role that insists on it therefore allows no session. */
function assertNeedsNoRecording(roles: readonly Role[]): void {
  const role = roles.find(({ spec }) => spec.options.record_session?.default === "strict");
  if (role === undefined) return;
  throw new Fault(
    "access-denied",
    "a role demands that every session is recorded, which this agent cannot do",
    {
      hint: "ask an administrator to set record_session.default to best_effort in that role",
      audit: {
        check: "recording",
        role: role.metadata.name,
        rule: "options.record_session.default",
      },
    },
  );
}

function nameOf({ verb, group, resource, namespace, name }: KubernetesObject): string {
  const what = group === "" ? resource : `${resource}.${group}`;
  const which = name === "" ? "" : ` "${name}"`;
  const where = namespace === "" ? "" : ` in the namespace "${namespace}"`;
  return `${verb === "*" ? "all verbs" : verb} on ${what}${which}${where}`;
}

function denied(message: string, { hint }: { readonly hint?: string } = {}): Fault {
  return new Fault("access-denied", message, {
    hint: hint ?? "ask an administrator for a role whose kubernetes_resources allow this",
    audit: { check: "kubernetes-resources", rule: "allow.kubernetes_resources" },
  });
}
