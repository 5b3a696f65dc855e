/** `kubernetes_resources`: one table of what each version of roles allows and denies, and what of a collection may be seen. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseResourceOf } from "#resource/parse.ts";
import type { Role } from "#resource/role.ts";
import {
  allowsObject,
  type KubernetesObject,
  kubernetesRules,
  scopeOfCollection,
} from "./kubernetes-resources.ts";
import type { RoleSet } from "./role-set.ts";

interface Entry {
  readonly kind: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly verbs?: readonly string[];
  readonly api_group?: string;
}

function role(version: string, allow: readonly Entry[], deny: readonly Entry[] = []): Role {
  return parseResourceOf("role", {
    kind: "role",
    version,
    metadata: { name: "r" },
    spec: { allow: { kubernetes_resources: allow }, deny: { kubernetes_resources: deny } },
  });
}

function rulesOf(...roles: readonly Role[]) {
  const user = { name: "alice", traits: { team: ["web"] } } as unknown as RoleSet["user"];
  return kubernetesRules({ user, roles, missing: [] }, roles);
}

/** `get pods web/front`, `list deployments.apps web/`. */
function object(words: string): KubernetesObject {
  const [verb = "", what = "", where = ""] = words.split(" ");
  const [resource = "", ...group] = what.split(".");
  const [namespace = "", name = ""] = where.split("/");
  return { verb, resource, group: group.join("."), namespace, name };
}

const pods = { kind: "pod", namespace: "web", name: "front*", verbs: ["get", "exec"] };
const all = { kind: "*", namespace: "*", name: "*", verbs: ["*"] };

for (const [what, roles, asked, allowed] of [
  ["v7 names kinds in the singular", [role("v7", [pods])], "get pods web/front-1", true],
  ["a name that does not match", [role("v7", [pods])], "get pods web/back", false],
  ["another namespace", [role("v7", [pods])], "get pods db/front", false],
  ["another verb", [role("v7", [pods])], "delete pods web/front", false],
  [
    "the same plural in another group",
    [role("v7", [pods])],
    "get pods.metrics.k8s.io web/front",
    false,
  ],
  ["no verbs allow nothing", [role("v7", [{ ...pods, verbs: [] }])], "get pods web/front", false],
  ["a deny wins", [role("v7", [all], [pods])], "get pods web/front", false],
  [
    "a deny of one verb leaves the others",
    [role("v7", [all], [pods])],
    "delete pods web/front",
    true,
  ],
  [
    "a deny without verbs denies all",
    [role("v7", [all], [{ ...pods, verbs: [] }])],
    "list pods web/front",
    false,
  ],
  [
    "a deny in another role",
    [role("v7", [all]), role("v7", [], [pods])],
    "get pods web/front",
    false,
  ],
  [
    "a deny cannot be passed by in an old group",
    [role("v7", [all], [{ ...all, kind: "deployment" }])],
    "get deployments.extensions web/d",
    false,
  ],
  ["every verb at once meets any deny", [role("v7", [all], [pods])], "* pods web/front", false],
  [
    "the kind namespace of v7 is all in it",
    [role("v7", [{ kind: "namespace", name: "web", verbs: ["get"] }])],
    "get secrets web/s",
    true,
  ],
  [
    "and nothing elsewhere",
    [role("v7", [{ kind: "namespace", name: "web", verbs: ["get"] }])],
    "get secrets db/s",
    false,
  ],
  [
    "up to v6 only pods are limited",
    [role("v6", [{ kind: "pod", namespace: "web", name: "*" }])],
    "delete secrets db/s",
    true,
  ],
  [
    "and those are",
    [role("v6", [{ kind: "pod", namespace: "web", name: "*" }])],
    "get pods db/p",
    false,
  ],
  ["v8 takes plural names", [role("v8", [{ ...pods, kind: "pods" }])], "get pods web/front", true],
  ["v8 does not take singular ones", [role("v8", [{ ...pods }])], "get pods web/front", false],
  [
    "v8 needs the group",
    [role("v8", [{ ...all, kind: "deployments" }])],
    "get deployments.apps web/d",
    false,
  ],
  [
    "v8 with the group",
    [role("v8", [{ ...all, kind: "deployments", api_group: "apps" }])],
    "get deployments.apps web/d",
    true,
  ],
  [
    "a template of a trait",
    [role("v7", [{ ...pods, namespace: "{{external.team}}" }])],
    "get pods web/front",
    true,
  ],
  [
    "a pattern that is broken allows nothing",
    [role("v7", [{ ...pods, name: "^($" }])],
    "get pods web/front",
    false,
  ],
  ["and denies", [role("v7", [all], [{ ...pods, name: "^($" }])], "get pods web/front", false],
  ["nothing", [], "get pods web/front", false],
] as const) {
  test(`${what}: ${asked} is ${allowed ? "allowed" : "refused"}`, () => {
    assert.equal(allowsObject(rulesOf(...roles), object(asked)), allowed);
  });
}

for (const [what, roles, asked, scope] of [
  ["everything", [role("v7", [all])], "list pods web/", "all"],
  ["some names", [role("v7", [{ ...pods, verbs: ["list"] }])], "list pods web/", "some"],
  [
    "some namespaces, asked for all",
    [role("v7", [{ ...pods, verbs: ["list"] }])],
    "list pods /",
    "some",
  ],
  ["another namespace", [role("v7", [{ ...pods, verbs: ["list"] }])], "list pods db/", "none"],
  ["a verb that is not listed", [role("v7", [pods])], "list pods web/", "none"],
  [
    "everything but what is denied",
    [role("v7", [all], [pods, { ...pods, verbs: ["list"] }])],
    "list pods web/",
    "some",
  ],
  ["all denied", [role("v7", [all], [{ ...all, kind: "pod" }])], "list pods web/", "none"],
] as const) {
  test(`of a collection with ${what}, ${scope} may be seen`, () => {
    assert.equal(scopeOfCollection(rulesOf(...roles), object(asked)), scope);
  });
}

const entries = fc.array(
  fc.record({
    kind: fc.constantFrom("pod", "secret", "deployment", "namespace", "*"),
    namespace: fc.constantFrom("web", "db", "w*", "*"),
    name: fc.constantFrom("front", "f*", "^f.*$", "*"),
    verbs: fc.subarray(["get", "list", "delete", "*"]),
  }),
  { maxLength: 4 },
);
const objects = fc
  .record({
    verb: fc.constantFrom("get", "list", "delete"),
    group: fc.constantFrom("", "apps"),
    resource: fc.constantFrom("pods", "secrets", "deployments", "namespaces"),
    namespace: fc.constantFrom("web", "db"),
    name: fc.constantFrom("front", "back"),
  })
  // A namespace is in none.
  .map((one) => (one.resource === "namespaces" ? { ...one, namespace: "" } : one));

test("adding a deny never grants", () => {
  fc.assert(
    fc.property(entries, entries, entries, objects, (allow, deny, more, asked) => {
      const before = allowsObject(rulesOf(role("v7", allow, deny)), asked);
      const after = allowsObject(rulesOf(role("v7", allow, [...deny, ...more])), asked);
      assert.ok(before || !after);
    }),
  );
});

test("a collection of which all may be seen holds nothing that may not", () => {
  fc.assert(
    fc.property(entries, entries, objects, (allow, deny, asked) => {
      const rules = rulesOf(role("v7", allow, deny));
      const scope = scopeOfCollection(rules, { ...asked, name: "" });
      if (scope === "all") assert.ok(allowsObject(rules, asked));
      if (scope === "none") assert.ok(!allowsObject(rules, asked));
    }),
  );
});
