/** The resources that the double serves, and the documents in which clients look for them. */

/** One resource. */
export interface ServedResource {
  readonly group: string;
  readonly version: string;
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly short?: readonly string[];
}

const core = { group: "", version: "v1" } as const;

/** All of them. */
export const served: readonly ServedResource[] = [
  { ...core, name: "pods", kind: "Pod", namespaced: true, short: ["po"] },
  { ...core, name: "configmaps", kind: "ConfigMap", namespaced: true, short: ["cm"] },
  { ...core, name: "secrets", kind: "Secret", namespaced: true },
  { ...core, name: "namespaces", kind: "Namespace", namespaced: false, short: ["ns"] },
  { ...core, name: "nodes", kind: "Node", namespaced: false, short: ["no"] },
  {
    group: "apps",
    version: "v1",
    name: "deployments",
    kind: "Deployment",
    namespaced: true,
    short: ["deploy"],
  },
];

const verbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/** The answer to a discovery path, or undefined when it is none. */
export function discover(path: string): object | undefined {
  if (path === "/version") {
    return { major: "1", minor: "34", gitVersion: "v1.34.0-double", platform: "linux/amd64" };
  }
  if (path === "/api")
    return { kind: "APIVersions", versions: ["v1"], serverAddressByClientCIDRs: [] };
  if (path === "/apis") {
    const version = { groupVersion: "apps/v1", version: "v1" };
    return {
      kind: "APIGroupList",
      apiVersion: "v1",
      groups: [{ name: "apps", versions: [version], preferredVersion: version }],
    };
  }
  if (path === "/api/v1") return listOf("", "v1");
  if (path === "/apis/apps/v1") return listOf("apps", "v1");
  return undefined;
}

function listOf(group: string, version: string): object {
  return {
    kind: "APIResourceList",
    groupVersion: group === "" ? version : `${group}/${version}`,
    resources: served
      .filter((resource) => resource.group === group)
      .map(({ name, kind, namespaced, short }) => ({
        name,
        singularName: kind.toLowerCase(),
        namespaced,
        kind,
        verbs,
        ...(short ? { shortNames: short } : {}),
      })),
  };
}
