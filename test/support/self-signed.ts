/** A self-signed server certificate for tests of doors. */
import { generateKeyPairSync } from "node:crypto";
import type { Clock } from "#base/clock.ts";
import type { Random } from "#base/random.ts";
import { purposes } from "#x509/extensions.ts";
import { issueCertificate, randomSerial } from "#x509/issue.ts";
import { attributes } from "#x509/name.ts";
import { formatCertificatePem } from "#x509/pem.ts";
import { signerOf } from "#x509/signer.ts";

/** Certificate and key, both PEM, for one host name. */
export function makeSelfSigned(name: string, clock: Clock, random: Random) {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const signer = signerOf(privateKey);
  const subject = [{ type: attributes.commonName, value: name }];
  const now = clock.now().getTime();
  const der = issueCertificate(
    {
      serial: randomSerial(random),
      issuer: subject,
      subject,
      notBefore: new Date(now - 60_000),
      notAfter: new Date(now + 3_600_000),
      publicKey: signer.publicKey,
      keyUsage: ["digitalSignature"],
      extendedKeyUsage: [purposes.serverAuth, purposes.clientAuth],
      dnsNames: [name],
    },
    signer,
  );
  return {
    certificate: formatCertificatePem(der),
    privateKey: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}
