/**
 * Which names a machine may have in its host certificates (the lesson of CVE-2021-41393): its own, and further ones that
 * belong to nobody else. Asked at every issue, because names are taken and given up while certificates are renewed.
 */
import { formatKey } from "#backend/key.ts";
import { utf8 } from "#base/bytes.ts";
import { Fault } from "#base/fault.ts";
import type { AuthContext } from "../context.ts";
import type { HostApplicant } from "./host-certificates.ts";

const uuidForm = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** Under these, clients look for the auth service behind the proxy's port. */
const serviceName = "teleport.cluster.local";

/** Keeps the name that a machine joined with. */
export async function keepJoinedName(
  { backend }: Pick<AuthContext, "backend">,
  hostId: string,
  name: string,
): Promise<void> {
  await backend.put(joinedNameKey(hostId), utf8(name));
}

/** The name that a machine joined with; undefined for one of which none was kept. */
export async function findJoinedName(
  { backend }: Pick<AuthContext, "backend">,
  hostId: string,
): Promise<string | undefined> {
  const item = await backend.find(joinedNameKey(hostId));
  return item && new TextDecoder().decode(item.value);
}

/**
 * Throws `access-denied` for a machine that calls itself otherwise than when it joined: renaming itself, it would get
 * other people's logins and, at the next renewal, another machine's certificate. One of which no name was kept may take
 * a free one; `already-exists` otherwise.
 */
export async function assertOwnName(
  context: Pick<AuthContext, "backend" | "stores" | "clusterName">,
  hostId: string,
  hostname: string,
): Promise<void> {
  const joined = await findJoinedName(context, hostId);
  if (joined === hostname) return;
  if (joined !== undefined) {
    throw new Fault("access-denied", `this server joined as "${joined}", not "${hostname}"`, {
      hint: "to rename a server, let it join again with a join token",
    });
  }
  await assertNotTaken(context, hostId, [hostname]);
}

/**
 * Throws `already-exists` for a name or id of another machine, and `access-denied` for a name of the cluster's own
 * services. `<name>.<cluster>` counts as `<name>`.
 */
export async function assertNamesFree(
  context: Pick<AuthContext, "stores" | "clusterName" | "proxyAddress">,
  { hostId, nodeName, roles, additionalPrincipals }: HostApplicant,
): Promise<void> {
  const short = (name: string) => shortName(name, context.clusterName);
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
  await assertNotTaken(context, hostId, additionalPrincipals);
}

async function assertNotTaken(
  { stores, clusterName }: Pick<AuthContext, "stores" | "clusterName">,
  hostId: string,
  names: readonly string[],
): Promise<void> {
  const wanted = new Set(names.map((name) => shortName(name, clusterName)));
  const others = (await stores.nodes.all()).filter((node) => node.metadata.name !== hostId);
  const taken = others.find((node) => wanted.has(shortName(node.spec.hostname, clusterName)));
  if (taken) {
    throw new Fault(
      "already-exists",
      `the name "${taken.spec.hostname}" belongs to another server`,
    );
  }
}

function joinedNameKey(hostId: string): string {
  return formatKey("host-names", hostId);
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
