/**
 * Joining: a machine exchanges a join token for host certificates. A host id belongs to the key that joined with it
 * first: another machine with a good token cannot take it over, and so cannot stand in for a server that people trust.
 */
import { createHash } from "node:crypto";
import { formatKey } from "#backend/key.ts";
import { hex, utf8 } from "#base/bytes.ts";
import { Fault, isFault, messageOf } from "#base/fault.ts";
import type { SystemRole } from "#identity/identity.ts";
import type { Token } from "#resource/token.ts";
import { readTlsKey } from "../authority/issue.ts";
import type { AuthContext } from "../context.ts";
import { type HostApplicant, type HostKeys, issueHostCertificates } from "./host-certificates.ts";
import { assertNamesFree, keepJoinedName } from "./names.ts";

/** Roles that a machine can join as, by the word of a token. */
const joinRoles: Readonly<Partial<Record<Token["spec"]["roles"][number], SystemRole>>> = {
  Node: "Node",
  Db: "Db",
  Kube: "Kube",
  App: "App",
  MDM: "MDM",
  Proxy: "Proxy",
};

/** What a machine says that wants to join. */
type JoinRequest = Omit<HostApplicant, "roles"> &
  HostKeys & { readonly token: string; readonly role: string; readonly remoteAddress: string };

/**
 * Admits a machine. Unknown, expired and unfit tokens are refused in the same words; an address that sends many of them
 * is refused with `limit`, unread and unrecorded.
 */
export function joinHost(context: AuthContext, request: JoinRequest) {
  return context.failures.run(request.remoteAddress, () => tryToJoin(context, request));
}

async function tryToJoin(context: AuthContext, request: JoinRequest) {
  const about = {
    host_id: request.hostId.slice(0, 64),
    node_name: request.nodeName.slice(0, 256),
    method: "token",
    "addr.remote": request.remoteAddress,
  };
  try {
    const role = await admit(context, request.token, request.role);
    const applicant = { ...request, roles: [role] };
    const certificates = issueHostCertificates(context, applicant, request);
    await assertNamesFree(context, applicant);
    await claimHostId(context, request.hostId, request.tlsPublicKey);
    await keepJoinedName(context, request.hostId, request.nodeName);
    await context.audit.record("instance.join", { ...about, role, success: true });
    return certificates;
  } catch (error) {
    await context.audit.record("instance.join", {
      ...about,
      success: false,
      error: messageOf(error),
    });
    throw error;
  }
}

/**
 * Admits an agent of the machine that auth itself runs on: it needs no token. Its id is claimed all the same, so that nobody else can
 * join with it.
 */
export async function admitOwnHost(
  context: AuthContext,
  role: "Node" | "Db" | "Kube",
  request: Omit<HostApplicant, "roles"> & HostKeys,
) {
  await claimHostId(context, request.hostId, request.tlsPublicKey);
  await keepJoinedName(context, request.hostId, request.nodeName);
  return issueHostCertificates(context, { ...request, roles: [role] }, request);
}

async function admit(context: AuthContext, name: string, role: string): Promise<SystemRole> {
  const token = name === "" || name.length > 512 ? undefined : await findToken(context, name);
  const known = Object.entries(joinRoles).find(
    ([word]) => word.toLowerCase() === role.toLowerCase(),
  );
  const fits = token?.spec.roles.some((word) => word === known?.[0]) ?? false;
  if (!known || !fits || token?.spec.join_method !== "token") {
    throw new Fault("not-found", "the join token is not valid for this", {
      hint: `make one on the auth host: tctl tokens add --type=${role.toLowerCase().replace(/[^a-z]/g, "") || "node"}`,
    });
  }
  return known[1];
}

async function findToken(context: AuthContext, name: string): Promise<Token | undefined> {
  try {
    return await context.stores.tokens.find(name);
  } catch (error) {
    if (isFault(error, "invalid")) return undefined;
    throw error;
  }
}

/** Binds the id to the key. The same machine may join again; another key is refused. */
async function claimHostId(context: AuthContext, hostId: string, pem: string): Promise<void> {
  const key = formatKey("hosts", hostId);
  const fingerprint = hex(
    createHash("sha256")
      .update(readTlsKey(pem) ?? "")
      .digest(),
  );
  try {
    await context.backend.create(key, utf8(fingerprint));
  } catch (error) {
    if (!isFault(error, "already-exists")) throw error;
    const { value } = await context.backend.get(key);
    if (new TextDecoder().decode(value) === fingerprint) return;
    throw new Fault("already-exists", `another machine has joined with the host id ${hostId}`, {
      hint: "remove the data directory of this machine and join again; it will make a new id",
      cause: error,
    });
  }
}
