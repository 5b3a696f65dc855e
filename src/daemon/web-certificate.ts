/**
 * The certificate that browsers and new clients see: the files that the configuration names, or one that signs itself,
 * kept in the data folder so that clients that pinned it stay satisfied.
 */
import { generateKeyPairSync } from "node:crypto";
import { isIP } from "node:net";
import { join } from "node:path";
import type { Clock } from "#base/clock.ts";
import { Fault, isFault } from "#base/fault.ts";
import type { Random } from "#base/random.ts";
import { parseCertificate } from "#x509/certificate.ts";
import { purposes } from "#x509/extensions.ts";
import { issueCertificate, randomSerial } from "#x509/issue.ts";
import { attributes } from "#x509/name.ts";
import { formatCertificatePem, parsePem } from "#x509/pem.ts";
import { keyIdOf } from "#x509/public-key.ts";
import { signerOf } from "#x509/signer.ts";
import type { KeyPairFiles } from "./config/config.ts";
import { readFileIfThere, writePrivateFile } from "./files.ts";

/** A certificate with its key, both PEM. */
export interface KeyPair {
  readonly certificate: string;
  readonly privateKey: string;
}

/** Browsers refuse longer ones. */
const lifetimeMs = 397 * 86_400_000;
/** A kept certificate is replaced when it ends so soon. */
const renewMs = 30 * 86_400_000;

/** Reads the certificate that an administrator provides. Throws `environment`. */
export function readKeyPair({ certFile, keyFile }: KeyPairFiles): KeyPair {
  const certificate = readFileIfThere(certFile);
  const privateKey = readFileIfThere(keyFile);
  if (certificate !== undefined && privateKey !== undefined) return { certificate, privateKey };
  const missing = certificate === undefined ? certFile : keyFile;
  throw new Fault("environment", `the file ${missing} of https_keypairs does not exist`);
}

/** The self-signed certificate of the folder; made when there is none, or when it ends soon or lacks a host. */
export function settleSelfSigned(
  folder: string,
  hosts: readonly string[],
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): KeyPair {
  const certificateFile = join(folder, "web.crt");
  const keyFile = join(folder, "web.key");
  const certificate = readFileIfThere(certificateFile);
  const privateKey = readFileIfThere(keyFile);
  if (certificate && privateKey && isGood(certificate, hosts, clock.now()))
    return { certificate, privateKey };
  const made = makeSelfSigned(hosts, clock.now(), random);
  writePrivateFile(keyFile, made.privateKey);
  writePrivateFile(certificateFile, made.certificate);
  return made;
}

function isGood(pem: string, hosts: readonly string[], now: Date): boolean {
  try {
    const [der] = parsePem("CERTIFICATE", pem);
    const { notAfter, alternativeNames } = parseCertificate(der ?? new Uint8Array());
    const names = new Set([...alternativeNames.dns, ...alternativeNames.ip]);
    return notAfter.getTime() - now.getTime() > renewMs && hosts.every((host) => names.has(host));
  } catch (error) {
    if (isFault(error)) return false;
    throw error;
  }
}

function makeSelfSigned(hosts: readonly string[], now: Date, random: Random): KeyPair {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const signer = signerOf(privateKey);
  const name = [
    { type: attributes.organization, value: "Gatehouse, self-signed" },
    { type: attributes.commonName, value: hosts[0] ?? "localhost" },
  ];
  const der = issueCertificate(
    {
      serial: randomSerial(random),
      issuer: name,
      subject: name,
      notBefore: new Date(now.getTime() - 60_000),
      notAfter: new Date(now.getTime() + lifetimeMs),
      publicKey: signer.publicKey,
      keyUsage: ["digitalSignature"],
      extendedKeyUsage: [purposes.serverAuth],
      subjectKeyId: keyIdOf(signer.publicKey),
      dnsNames: hosts.filter((host) => isIP(host) === 0),
      ipAddresses: hosts.filter((host) => isIP(host) !== 0),
    },
    signer,
  );
  return {
    certificate: formatCertificatePem(der),
    privateKey: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}
