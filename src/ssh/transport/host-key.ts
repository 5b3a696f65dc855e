/** The host keys of a server, and proving one in the key exchange (RFC 4253 section 8, RFC 8332). */
import { Fault } from "#base/fault.ts";
import { algorithmsOf, findAlgorithm } from "../algorithms.ts";
import { type Certificate, parseCertificate } from "../certificate.ts";
import { blobTypeOf, decodePublicKey, type PublicKey } from "../public-key.ts";
import { verifySignature } from "../signature.ts";
import type { Signer } from "../signer.ts";

/** One host key of a server, with the certificate that the server shows for it. */
export interface HostKey {
  readonly signer: Signer;
  readonly certificate?: Uint8Array;
}

/** What a server proved to hold. Whether to trust it is for the caller to decide. */
export interface PresentedHostKey {
  /** The plain key that signed. */
  readonly key: PublicKey;
  /** Set if the server showed a certificate. It is read, not checked. */
  readonly certificate?: Certificate;
}

/** Algorithm names that these host keys can answer: certificates first, then the plain keys. */
export function hostKeyOffer(hostKeys: readonly HostKey[]): string[] {
  const blobs = [
    ...hostKeys.flatMap(({ certificate }) => certificate ?? []),
    ...hostKeys.map(({ signer }) => signer.publicKey),
  ];
  return [...new Set(blobs.flatMap((blob) => algorithmsOf(blobTypeOf(blob)).map((a) => a.name)))];
}

/** The blob to show for a negotiated algorithm, and the signer behind it. */
export function selectHostKey(
  hostKeys: readonly HostKey[],
  algorithm: string,
): { blob: Uint8Array; signer: Signer } {
  const blobType = findAlgorithm(algorithm)?.blobType;
  for (const { signer, certificate } of hostKeys) {
    for (const blob of [certificate, signer.publicKey]) {
      if (blob !== undefined && blobTypeOf(blob) === blobType) return { blob, signer };
    }
  }
  throw new Fault("invalid", "no host key for the negotiated algorithm");
}

/**
 * Checks that the holder of `blob` signed the exchange hash with the negotiated algorithm. Throws `unproven`,
 * or `malformed` for a blob of another type.
 */
export function verifyHostKey(
  algorithm: string,
  blob: Uint8Array,
  exchangeHash: Uint8Array,
  signature: Uint8Array,
): PresentedHostKey {
  const row = findAlgorithm(algorithm);
  if (row === undefined || blobTypeOf(blob) !== row.blobType) {
    throw new Fault("malformed", "the host key is not of the negotiated type");
  }
  const certificate = row.certificate ? parseCertificate(blob) : undefined;
  const key = certificate?.key ?? decodePublicKey(blob);
  if (!verifySignature(key, row.signature, exchangeHash, signature)) {
    throw new Fault("unproven", "the SSH server does not hold its host key");
  }
  return certificate === undefined ? { key } : { key, certificate };
}
