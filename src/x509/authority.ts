/**
 * Self-signed certificates of the cluster's authorities. Clients find an authority by its common
 * name, which is the name of the cluster; the random serialNumber attribute keeps two generations
 * of keys apart (spec of the public API).
 */
import type { Random } from "#base/random.ts";
import { issueCertificate, randomSerial } from "./issue.ts";
import { attributes, type Rdn } from "./name.ts";
import { keyIdOf } from "./public-key.ts";
import type { CertificateSigner } from "./signer.ts";

/** What an authority's certificate needs to know. */
export interface AuthorityRequest {
  readonly clusterName: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly random: Random;
}

/** Issues the self-signed certificate of an authority whose key the signer holds; gives its DER. */
export function issueAuthority(request: AuthorityRequest, signer: CertificateSigner): Uint8Array {
  const { clusterName, notBefore, notAfter, random } = request;
  const name: readonly Rdn[] = [
    { type: attributes.organization, value: clusterName },
    { type: attributes.commonName, value: clusterName },
    { type: attributes.serialNumber, value: randomSerial(random).toString() },
  ];
  return issueCertificate(
    {
      serial: randomSerial(random),
      issuer: name,
      subject: name,
      notBefore,
      notAfter,
      publicKey: signer.publicKey,
      authority: true,
      keyUsage: ["digitalSignature", "keyEncipherment", "keyCertSign", "cRLSign"],
      subjectKeyId: keyIdOf(signer.publicKey),
    },
    signer,
  );
}
