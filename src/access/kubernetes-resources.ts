/**
 * `kubernetes_resources` of roles: which objects of a Kubernetes cluster a person may reach with which verbs, on top of
 * what the cluster's own rules say. Deny wins over allow, in every role. Patterns are literals, globs or `^…$`; what
 * cannot be evaluated does not match in allow and matches in deny.
 *
 * Kinds follow the version of the role (public API): up to v6 only pods are limited, from v7 a list of singular words,
 * from v8 plural names with an API group.
 */
import { Fault } from "#base/fault.ts";
import { matchesPattern } from "#expression/label-match.ts";
import { expandTemplate } from "#expression/template.ts";
import type { Role } from "#resource/role.ts";
import type { RoleConditions } from "#resource/role-conditions.ts";
import type { RoleSet, Side } from "./role-set.ts";
import { sideOf } from "./role-set.ts";

/** An object, or with an empty name all objects of a kind, and what is done with it. */
export interface KubernetesObject {
  readonly verb: string;
  /** API group; empty for the core group. */
  readonly group: string;
  /** Plural name in lower case: `pods`. */
  readonly resource: string;
  /** Empty for objects without a namespace, and for collections over all namespaces. */
  readonly namespace: string;
  readonly name: string;
}

/** How much of a collection may be seen: everything, what a filter lets through, nothing. */
export type CollectionScope = "all" | "some" | "none";

type Entry = NonNullable<RoleConditions["kubernetes_resources"]>[number];

/** One entry of a role, its templates expanded. */
interface Rule {
  readonly version: Role["version"];
  readonly kind: string;
  readonly group: string;
  readonly namespaces: readonly string[];
  readonly names: readonly string[];
  readonly verbs: readonly string[];
}

/** The entries of a person's roles that count for one cluster. */
export interface KubernetesRules {
  readonly allow: readonly Rule[];
  readonly deny: readonly Rule[];
}

/** What the words of v7 mean: the groups that serve the objects, newest first, and their plural name. */
const kindsOfV7: ReadonlyMap<string, { groups: readonly string[]; resource: string }> = new Map(
  (
    [
      ["pod", [""], "pods"],
      ["secret", [""], "secrets"],
      ["configmap", [""], "configmaps"],
      ["namespace", [""], "namespaces"],
      ["service", [""], "services"],
      ["serviceaccount", [""], "serviceaccounts"],
      ["kube_node", [""], "nodes"],
      ["persistentvolume", [""], "persistentvolumes"],
      ["persistentvolumeclaim", [""], "persistentvolumeclaims"],
      ["deployment", ["apps", "extensions"], "deployments"],
      ["replicaset", ["apps", "extensions"], "replicasets"],
      ["statefulset", ["apps"], "statefulsets"],
      ["daemonset", ["apps", "extensions"], "daemonsets"],
      ["clusterrole", ["rbac.authorization.k8s.io"], "clusterroles"],
      ["kube_role", ["rbac.authorization.k8s.io"], "roles"],
      ["clusterrolebinding", ["rbac.authorization.k8s.io"], "clusterrolebindings"],
      ["rolebinding", ["rbac.authorization.k8s.io"], "rolebindings"],
      ["cronjob", ["batch"], "cronjobs"],
      ["job", ["batch"], "jobs"],
      ["certificatesigningrequest", ["certificates.k8s.io"], "certificatesigningrequests"],
      ["ingress", ["networking.k8s.io", "extensions"], "ingresses"],
    ] as const
  ).map(([kind, groups, resource]) => [kind, { groups, resource }]),
);

/** Objects without a namespace: an entry's namespace says nothing about them. */
const withoutNamespace: readonly string[] = [
  "namespaces",
  "nodes",
  "persistentvolumes",
  "clusterroles",
  "clusterrolebindings",
  "certificatesigningrequests",
];

/** The entries that count: allow sides of the roles that match the cluster, deny sides of all roles. */
export function kubernetesRules(roleSet: RoleSet, matching: readonly Role[]): KubernetesRules {
  const rulesOf = (role: Role, side: Side) =>
    (sideOf(role, side).kubernetes_resources ?? []).map((entry) => readEntry(role, entry, roleSet));
  return {
    allow: matching.flatMap((role) => rulesOf(role, "allow")),
    deny: roleSet.roles.flatMap((role) => rulesOf(role, "deny")),
  };
}

/** Whether one object may be reached. */
export function allowsObject(rules: KubernetesRules, object: KubernetesObject): boolean {
  if (rules.deny.some((rule) => denies(rule, object))) return false;
  return rules.allow.some((rule) => allows(rule, object));
}

/** How much of a collection may be reached; `name` of the object is not looked at. */
export function scopeOfCollection(
  rules: KubernetesRules,
  collection: KubernetesObject,
): CollectionScope {
  const touching = rules.allow.filter((rule) => mayTouch(rule, collection, "allow"));
  if (touching.length === 0) return "none";
  const whole = touching.some((rule) => coversAll(rule, collection));
  if (whole && !rules.deny.some((rule) => mayTouch(rule, collection, "deny"))) return "all";
  // A deny entry that covers all leaves nothing, and an honest refusal says more than an empty list.
  const denied = rules.deny.some(
    (rule) => coversAll(rule, collection) && verbMatches(rule, collection.verb, "deny"),
  );
  return denied ? "none" : "some";
}

/** What paths outside of the resources (`/metrics`) are held against: entries that let everything through cover it. */
export function everything(verb: string): KubernetesObject {
  return { verb, group: "*", resource: "*", namespace: "", name: "" };
}

function readEntry({ version }: Role, entry: Entry, { user }: RoleSet): Rule {
  const expand = (text: string | undefined) =>
    text === undefined || text === "" ? [""] : expandTemplate(text, user.traits);
  return {
    version,
    kind: entry.kind,
    group: entry.api_group ?? "",
    namespaces: expand(entry.namespace),
    names: expand(entry.name),
    verbs: entry.verbs ?? [],
  };
}

/** Before v7, roles knew pods only, and limited nothing else. */
function isBeforeV7({ version }: Rule): boolean {
  return version !== "v7" && version !== "v8";
}

function allows(rule: Rule, object: KubernetesObject): boolean {
  if (isBeforeV7(rule) && object.resource !== "pods") return true;
  return matchesAs("allow", rule, object);
}

function denies(rule: Rule, object: KubernetesObject): boolean {
  return matchesAs("deny", rule, object);
}

function matchesAs(side: Side, rule: Rule, object: KubernetesObject): boolean {
  if (!verbMatches(rule, object.verb, side)) return false;
  // The kind `namespace` of v7 stands for the namespace and for everything in it.
  if (rule.version !== "v8" && rule.kind === "namespace" && object.namespace !== "") {
    return anyMatches(side, rule.names, object.namespace);
  }
  return (
    kindMatches(rule, object, side) &&
    namespaceMatches(rule, object, side) &&
    anyMatches(side, rule.names, object.name)
  );
}

/**
 * An allow entry without verbs allows nothing from v7; a deny entry without verbs denies all. The verb `*` asks for
 * everything at once: any verb that is denied denies it.
 */
function verbMatches(rule: Rule, verb: string, side: Side): boolean {
  const { verbs } = rule;
  if (side === "deny" && verb === "*") return true;
  if (verbs.length === 0) return side === "deny" || isBeforeV7(rule);
  return verbs.includes("*") || verbs.includes(verb);
}

function kindMatches(rule: Rule, { group, resource }: KubernetesObject, side: Side): boolean {
  if (rule.version === "v8") {
    const named = rule.kind === "*" || rule.kind === resource;
    return named && (rule.group === "*" || anyMatches(side, [rule.group], group));
  }
  if (rule.kind === "*") return true;
  const known = kindsOfV7.get(rule.kind);
  if (known === undefined) return side === "deny";
  // A group under which an older server serves the same objects must not be a way around a deny.
  return known.resource === resource && (side === "deny" || known.groups.includes(group));
}

function namespaceMatches(rule: Rule, object: KubernetesObject, side: Side): boolean {
  if (rule.version !== "v8" && object.namespace === "" && isWithoutNamespace(object)) return true;
  return anyMatches(side, rule.namespaces, object.namespace);
}

function isWithoutNamespace({ resource }: KubernetesObject): boolean {
  return withoutNamespace.includes(resource);
}

/** Whether the entry could match an object of the collection. */
function mayTouch(rule: Rule, collection: KubernetesObject, side: Side): boolean {
  if (!verbMatches(rule, collection.verb, side)) return false;
  if (side === "allow" && isBeforeV7(rule) && collection.resource !== "pods") return true;
  const { namespace } = collection;
  const everywhere = namespace === "";
  if (rule.version !== "v8" && rule.kind === "namespace" && !isWithoutNamespace(collection)) {
    return everywhere || anyMatches(side, rule.names, namespace);
  }
  if (!kindMatches(rule, collection, side)) return false;
  return everywhere || namespaceMatches(rule, collection, side);
}

/** Whether the entry matches every object of the collection, whatever its name. */
function coversAll(rule: Rule, collection: KubernetesObject): boolean {
  if (isBeforeV7(rule) && collection.resource !== "pods") return true;
  const everyName = rule.names.includes("*");
  const { namespace } = collection;
  if (rule.version !== "v8" && rule.kind === "namespace" && !isWithoutNamespace(collection)) {
    return namespace === "" ? everyName : anyMatches("allow", rule.names, namespace);
  }
  if (!everyName || !kindMatches(rule, collection, "allow")) return false;
  if (namespace !== "") return namespaceMatches(rule, collection, "allow");
  return rule.namespaces.includes("*") || (rule.version !== "v8" && isWithoutNamespace(collection));
}

function anyMatches(side: Side, patterns: readonly string[], text: string): boolean {
  try {
    return patterns.some((pattern) => matchesPattern(pattern, text));
  } catch (error) {
    if (error instanceof Fault) return side === "deny";
    throw error;
  }
}
