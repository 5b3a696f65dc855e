/**
 * The certificates with which agents log in to databases: for one person, one database user and three minutes. The agent
 * has decided already; auth decides again, on the person's own certificate and the rules of this moment.
 */
import { decideAccess } from "#access/decide-access.ts";
import { assertAllowed } from "#access/decision.ts";
import { databaseTarget } from "#access/target.ts";
import { identifyCertificate } from "#api/peer.ts";
import { actorOf } from "#audit/actor.ts";
import { Fault } from "#base/fault.ts";
import type { DatabaseRoute, SystemIdentity, UserIdentity } from "#identity/identity.ts";
import { namesDatabases } from "#resource/database.ts";
import { mergeLabels } from "#resource/dynamic-labels.ts";
import { purposes } from "#x509/extensions.ts";
import { issueCertificate, randomSerial } from "#x509/issue.ts";
import { attributes } from "#x509/name.ts";
import { formatCertificatePem } from "#x509/pem.ts";
import { identityFields } from "../audit/fields.ts";
import type { AuthContext } from "../context.ts";
import { factsFor } from "../devices/facts.ts";
import { loadPolicy } from "../policy.ts";

/** What an agent asks for. */
export interface ClientCertificateRequest {
  /** Name of the database resource. */
  readonly service: string;
  readonly databaseUser: string;
  /** Empty where sessions change databases as they like. */
  readonly databaseName: string;
  /** The person's certificate in DER. */
  readonly userCertificate: Uint8Array;
  readonly clientAddress: string;
  /** SubjectPublicKeyInfo in DER. */
  readonly publicKey: Uint8Array;
}

const lifeMs = 3 * 60_000;
const backdateMs = 60_000;
/** The upper bound of a common name (RFC 5280, appendix A). */
const longestName = 64;

/** Issues the certificate (PEM); its event is durable before this returns. Throws what refuses the person or the agent. */
export async function issueDatabaseClientCertificate(
  context: AuthContext,
  agent: SystemIdentity,
  request: ClientCertificateRequest,
): Promise<string> {
  const { databaseUser } = request;
  if (
    databaseUser === "" ||
    databaseUser.length > longestName ||
    /[\u0000-\u001f\u007f]/.test(databaseUser)
  ) {
    throw new Fault("invalid", `a database user has 1 to ${longestName} characters`);
  }
  const { identity } = identifyPerson(context, request);
  await decide(context, agent, request, identity);
  const { authorities, clock, random } = context;
  const now = clock.now();
  const notAfter = new Date(Math.min(now.getTime() + lifeMs, identity.expires.getTime()));
  const { signer, certificate } = authorities.tls("db_client");
  const der = issueCertificate(
    {
      serial: randomSerial(random),
      issuer: certificate.subject,
      // Servers map the whole name: nothing else may stand in it.
      subject: [{ type: attributes.commonName, value: databaseUser }],
      notBefore: new Date(now.getTime() - backdateMs),
      notAfter,
      publicKey: request.publicKey,
      keyUsage: ["digitalSignature"],
      extendedKeyUsage: [purposes.clientAuth],
      ...(certificate.subjectKeyId ? { authorityKeyId: certificate.subjectKeyId } : {}),
    },
    signer,
  );
  await context.audit.record("cert.create", {
    ...actorOf(identity),
    cert_type: "database",
    identity: identityFields(identity),
  });
  return formatCertificatePem(der);
}

/** The person and the database that their certificate is for. */
function identifyPerson(
  { authorities, clock }: AuthContext,
  { userCertificate, clientAddress, service, databaseUser }: ClientCertificateRequest,
): { readonly identity: UserIdentity; readonly route: DatabaseRoute } {
  const trusted = { user: [authorities.tls("user").certificate], host: [] };
  const { identity } = identifyCertificate(userCertificate, trusted, clock.now(), clientAddress);
  const route = identity?.kind === "user" ? identity.database : undefined;
  if (identity?.kind !== "user" || route?.serviceName !== service) {
    throw new Fault("unproven", "the person's certificate is not for this database");
  }
  if (route.username !== "" && route.username !== databaseUser) {
    throw new Fault("access-denied", "the person's certificate is for another database user");
  }
  return { identity, route };
}

async function decide(
  context: AuthContext,
  agent: SystemIdentity,
  request: ClientCertificateRequest,
  identity: UserIdentity,
): Promise<void> {
  const { service, databaseUser, databaseName, clientAddress } = request;
  const served = await context.stores.databaseServers.find(`${agent.hostId}/${service}`);
  if (served === undefined) {
    throw new Fault("access-denied", "this agent does not serve the database");
  }
  const { metadata, spec } = served.spec.database;
  const labels = mergeLabels(metadata.labels, spec.dynamic_labels);
  const login = {
    user: databaseUser,
    database: namesDatabases(spec.protocol) ? databaseName : undefined,
    roles: identity.database?.roles ?? [],
  };
  assertAllowed(
    decideAccess({
      identity,
      target: databaseTarget({ name: service, labels, hostId: agent.hostId }, login),
      policy: { ...(await loadPolicy(context)), devices: await factsFor(context, identity) },
      now: context.clock.now(),
      clientIp: clientAddress,
    }),
  );
}
