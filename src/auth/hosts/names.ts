/**
 * Which names a machine may have in its host certificates (the lesson of CVE-2021-41393): its own, and further ones that
 * belong to nobody else. Asked at every issue, because names are taken and given up while certificates are renewed.
 */
import { Fault } from "#base/fault.ts";
import type { AuthContext } from "../context.ts";
import type { HostApplicant } from "./host-certificates.ts";

const uuidForm = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** Under these, clients look for the auth service behind the proxy's port. */
const serviceName = "teleport.cluster.local";

/**
 * Throws `already-exists` for a name or id of another machine, and `access-denied` for a name of the cluster's own
 * services. `<name>.<cluster>` counts as `<name>`.
 */
export async function assertNamesFree(
  context: Pick<AuthContext, "stores" | "clusterName" | "proxyAddress">,
  { hostId, nodeName, roles, additionalPrincipals }: HostApplicant,
): Promise<void> {
  const short = (name: string) => shortName(name, context.clusterName);
  const added = new Set(additionalPrincipals.map(short));
  for (const name of [nodeName, ...additionalPrincipals]) {
    if (uuidForm.test(short(name)) && short(name) !== hostId) {
      throw new Fault("already-exists", `the id "${short(name)}" is not that of this machine`);
    }
  }
  const own = additionalPrincipals.find((name) => isProxyName(name.toLowerCase(), context));
  const reserved = [nodeName, ...additionalPrincipals].find(isReserved) ?? own;
  if (reserved !== undefined && !roles.includes("Proxy")) {
    throw new Fault(
      "access-denied",
      `the name "${reserved}" belongs to the cluster's own services`,
    );
  }
  const others = (await context.stores.nodes.all()).filter((node) => node.metadata.name !== hostId);
  const taken = others.find((node) => added.has(short(node.spec.hostname)));
  if (taken) {
    throw new Fault(
      "already-exists",
      `the name "${taken.spec.hostname}" belongs to another server`,
    );
  }
}

function shortName(name: string, clusterName: string): string {
  const lower = name.toLowerCase();
  const suffix = `.${clusterName.toLowerCase()}`;
  return lower.endsWith(suffix) ? lower.slice(0, -suffix.length) : lower;
}

function isReserved(name: string): boolean {
  return `.${name.toLowerCase()}`.endsWith(`.${serviceName}`);
}

function isProxyName(
  name: string,
  { clusterName, proxyAddress }: Pick<AuthContext, "clusterName" | "proxyAddress">,
): boolean {
  const proxyHost = proxyAddress().replace(/:\d+$/, "").toLowerCase();
  return name === clusterName.toLowerCase() || (name === proxyHost && name !== "localhost");
}
