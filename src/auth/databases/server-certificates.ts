/** The certificates of database servers themselves, which agents hold them to: what `tctl auth sign` asks for. */
import { isIP } from "node:net";
import { actorOf } from "#audit/actor.ts";
import { Fault } from "#base/fault.ts";
import type { Identity } from "#identity/identity.ts";
import { parseCertificateRequest } from "#x509/certificate-request.ts";
import { purposes } from "#x509/extensions.ts";
import { issueCertificate, randomSerial } from "#x509/issue.ts";
import { attributes, commonNameOf } from "#x509/name.ts";
import { formatCertificatePem, parseSinglePem } from "#x509/pem.ts";
import type { AuthContext } from "../context.ts";

/** What is asked for. */
export interface ServerCertificateRequest {
  /** PKCS #10 in PEM. Its key gets the certificate; of its names only the common name is looked at. */
  readonly csr: Uint8Array;
  /** Host names and addresses of the server. */
  readonly names: readonly string[];
  readonly ttlMs: number;
}

/** A certificate and the authorities whose clients the server is to take, PEM. */
export interface ServerCertificate {
  readonly certificate: string;
  readonly authorities: readonly string[];
}

const longestMs = 10 * 365 * 24 * 3_600_000;
const mostNames = 32;
const backdateMs = 60_000;
const hostPattern = /^(?:\*\.)?[a-zA-Z0-9](?:[a-zA-Z0-9.-]{0,250}[a-zA-Z0-9])?$/;

/** Issues the certificate; its event is durable before this returns. Throws `invalid` and `malformed`. */
export async function issueDatabaseServerCertificate(
  context: AuthContext,
  caller: Identity,
  request: ServerCertificateRequest,
): Promise<ServerCertificate> {
  const { authorities, clock, random } = context;
  const asked = parseCertificateRequest(
    parseSinglePem("CERTIFICATE REQUEST", Buffer.from(request.csr).toString("latin1")),
  );
  const names = namesOf(request, commonNameOf(asked.subject));
  if (!(request.ttlMs > 0 && request.ttlMs <= longestMs)) {
    throw new Fault("invalid", "the certificate of a database server lasts ten years at most", {
      hint: "write --ttl=2190h for three months",
    });
  }
  const now = clock.now();
  const { signer, certificate } = authorities.tls("db");
  const [commonName = ""] = names;
  const der = issueCertificate(
    {
      serial: randomSerial(random),
      issuer: certificate.subject,
      subject: [{ type: attributes.commonName, value: commonName.slice(0, 64) }],
      notBefore: new Date(now.getTime() - backdateMs),
      notAfter: new Date(Math.min(now.getTime() + request.ttlMs, certificate.notAfter.getTime())),
      publicKey: asked.publicKey,
      keyUsage: ["digitalSignature", "keyEncipherment"],
      extendedKeyUsage: [purposes.serverAuth],
      dnsNames: names.filter((name) => isIP(name) === 0),
      ipAddresses: names.filter((name) => isIP(name) !== 0),
      ...(certificate.subjectKeyId ? { authorityKeyId: certificate.subjectKeyId } : {}),
    },
    signer,
  );
  await context.audit.record("cert.create", {
    ...actorOf(caller),
    cert_type: "database_server",
    identity: { logins: names, expires: new Date(now.getTime() + request.ttlMs).toISOString() },
  });
  return {
    certificate: formatCertificatePem(der),
    authorities: [authorities.certificatePem("db_client")],
  };
}

function namesOf({ names }: ServerCertificateRequest, commonName: string | undefined): string[] {
  const all = names.length > 0 ? [...new Set(names)] : [commonName ?? ""];
  if (all.length > mostNames) throw new Fault("invalid", `a server has at most ${mostNames} names`);
  const wrong = all.find((name) => isIP(name) === 0 && !hostPattern.test(name));
  if (wrong === undefined) return all;
  throw new Fault("invalid", `"${wrong.slice(0, 100)}" is not the name of a server`, {
    hint: "write host names or addresses: --host=db.example.com,10.0.0.7",
  });
}
