/**
 * People at the auth API in tests: each holds real certificates of the cluster, and reaches the real services with the same
 * checks as over TLS, through memory.
 */
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { AuthClient } from "#api/client.ts";
import { connectInMemory } from "#api/grpc/memory-pair.ts";
import { identifyCertificate, type Peer } from "#api/peer.ts";
import { formatSshCertificate } from "#auth/authority/issue.ts";
import type { CeremonyLimits } from "#auth/grpc/device-ceremonies.ts";
import { deviceTrustService } from "#auth/grpc/device-trust-service.ts";
import { createAuthServer, registerServices } from "#auth/grpc/register.ts";
import { certifyUser } from "#auth/users/certify.ts";
import { identityOfLogin } from "#auth/users/identity.ts";
import { runAuthentication } from "#client/ceremony/authenticate.ts";
import { obtainEnrollToken, runEnrollment } from "#client/ceremony/enroll.ts";
import type { DeviceProof } from "#client/cluster/device-session.ts";
import type { DeviceAuthenticator } from "#client/device/authenticator.ts";
import { signChallenge } from "#devicetrust/challenge-signature.ts";
import type { CollectedData } from "#devicetrust/messages.ts";
import { DeviceTrustService } from "#gen/teleport/devicetrust/v1/service_pb.ts";
import type { UserIdentity } from "#identity/identity.ts";
import type { Lock } from "#resource/lock.ts";
import { parseResourceOf } from "#resource/parse.ts";
import { encodePublicKey, parseAuthorizedKey } from "#ssh/public-key.ts";
import type { TestAuth } from "./auth-service.ts";
import { collectedData } from "./device-ceremony.ts";

/** A person who is logged in. */
export interface Person extends DeviceProof {
  readonly identity: UserIdentity;
  readonly client: AuthClient;
  readonly peer: Peer;
  readonly sshKey: KeyObject;
}

/** How a person is otherwise than usual. */
export interface PersonOptions {
  readonly roles?: readonly string[];
  readonly ttlMs?: number;
  readonly sshKey?: "ed25519" | "ec" | "rsa" | "tls";
  /** Changes what the certificates say. */
  readonly identity?: Partial<UserIdentity>;
  readonly limits?: CeremonyLimits;
}

/** The roles of somebody who may do everything with devices. */
export const deviceAdmin = ["access", "editor", "auditor", "device-admin"];

/** Creates the user unless there is one, and logs them in. */
export async function logIn(
  cluster: TestAuth,
  name: string,
  options: PersonOptions = {},
): Promise<Person> {
  const { context } = cluster.auth;
  const roles = options.roles ?? deviceAdmin;
  const user =
    (await context.stores.users.find(name)) ??
    (await context.stores.users.create(
      parseResourceOf("user", {
        kind: "user",
        version: "v2",
        metadata: { name },
        spec: { roles: [...roles], traits: { logins: ["root"] } },
      }),
    ));
  const wish = { clientIp: "127.0.0.1", routeToCluster: "", kubernetesCluster: "" };
  const login = await identityOfLogin(context, user, { ...wish, ttlMs: options.ttlMs ?? 0 });
  const identity = { ...login, ...options.identity };
  const tls = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const ssh = options.sshKey === "tls" ? tls : sshPair(options.sshKey ?? "ed25519");
  const issued = await certifyUser(context, identity, {
    tls: new Uint8Array(tls.publicKey.export({ type: "spki", format: "der" })),
    ssh: encodePublicKey(ssh.publicKey),
  });
  return connectPerson(cluster, issued, ssh.privateKey, options.limits);
}

/** The same person with other certificates, as after a device authentication. */
export function connectPerson(
  { auth, clock }: TestAuth,
  certificates: { readonly tls?: Uint8Array; readonly ssh?: Uint8Array },
  sshKey: KeyObject,
  limits?: CeremonyLimits,
): Person {
  const { authorities } = auth.context;
  const trusted = {
    user: [authorities.tls("user").certificate],
    host: [authorities.tls("host").certificate],
  };
  const { tls = new Uint8Array(), ssh } = certificates;
  const peer = identifyCertificate(tls, trusted, clock.now(), "127.0.0.1");
  const { identity } = peer;
  if (identity?.kind !== "user") throw new TypeError("the certificate names no user");
  return {
    identity,
    peer,
    client: connectPeer({ auth }, peer, limits),
    sshKey,
    sshCertificate: ssh ? formatSshCertificate(ssh) : "",
    signWithSshKey: (challenge) => signChallenge(sshKey, challenge),
  };
}

/** A client of the auth API as any peer. */
export function connectPeer(
  { auth: { context } }: Pick<TestAuth, "auth">,
  peer: Peer,
  limits?: CeremonyLimits,
): AuthClient {
  const server = createAuthServer(context);
  if (limits) server.register(DeviceTrustService, deviceTrustService(context, limits));
  else registerServices(server, context);
  return new AuthClient(connectInMemory(server, peer));
}

function sshPair(kind: "ed25519" | "ec" | "rsa") {
  if (kind === "ec") return generateKeyPairSync("ec", { namedCurve: "P-256" });
  if (kind === "rsa") return generateKeyPairSync("rsa", { modulusLength: 2048 });
  return generateKeyPairSync("ed25519");
}

/** What the device of a test says about itself now. */
export function deviceDataOf(
  { clock }: Pick<TestAuth, "clock">,
  device: DeviceAuthenticator,
  changes: Partial<CollectedData> = {},
): CollectedData {
  return collectedData({ collectTime: clock.now(), osType: device.osType, ...changes });
}

/** Registers the device if needed, gets a token as the person, and enrols. */
export async function enrollAs(
  cluster: TestAuth,
  person: Person,
  device: DeviceAuthenticator,
  changes: Partial<CollectedData> = {},
): Promise<void> {
  const data = deviceDataOf(cluster, device, changes);
  const { token } = await obtainEnrollToken(person.client.grpc, data);
  await runEnrollment(person.client.grpc, device, data, token);
}

/** Authenticates the device for the person; gives the person with the marked certificates. */
export async function authenticateAs(
  cluster: TestAuth,
  person: Person,
  device: DeviceAuthenticator,
  changes: Partial<CollectedData> = {},
): Promise<Person> {
  const data = deviceDataOf(cluster, device, changes);
  const marked = await runAuthentication(person.client.grpc, device, data, person);
  const { blob } = parseAuthorizedKey(marked.sshAuthorizedKey);
  return connectPerson(cluster, { tls: marked.x509Der, ssh: blob }, person.sshKey);
}

/** The locks that stand in the place of lost credentials. */
export async function revocationLocks({ auth }: TestAuth): Promise<Lock[]> {
  const locks = await auth.context.stores.locks.all();
  return locks.filter(({ spec }) => spec.target.device?.includes("/"));
}
