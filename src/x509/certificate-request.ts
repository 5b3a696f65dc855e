/**
 * Requests for certificates, PKCS #10 (RFC 2986). The signature is checked: it proves that who asks holds the key. Attributes
 * of a request are not looked at, since a caller decides what a certificate says.
 */
import { createPublicKey, verify } from "node:crypto";
import { buffer } from "#base/bytes.ts";
import { Fault } from "#base/fault.ts";
import { decodeDer } from "#der/reader.ts";
import { contextConstructedTag, tags } from "#der/tags.ts";
import { encodeBitString, encodeExplicit, encodeInteger, encodeSequence } from "#der/writer.ts";
import {
  algorithmInfo,
  decodeAlgorithm,
  encodeAlgorithm,
  type SignatureAlgorithm,
} from "./algorithm.ts";
import type { Rdn } from "./name.ts";
import { decodeName, encodeName } from "./name-der.ts";
import { decodePublicKey } from "./public-key.ts";
import type { CertificateSigner } from "./signer.ts";

/** What a request says; its signature was good. */
export interface CertificateRequest {
  readonly subject: readonly Rdn[];
  /** SubjectPublicKeyInfo in DER. */
  readonly publicKey: Uint8Array;
}

const maxRequestBytes = 16 * 1024;

/** Makes a request for the signer's key; gives its DER. */
export function issueCertificateRequest(
  subject: readonly Rdn[],
  signer: CertificateSigner,
): Uint8Array {
  const info = encodeSequence(
    encodeInteger(0n),
    encodeName(subject),
    signer.publicKey,
    encodeExplicit(0),
  );
  const algorithm = encodeAlgorithm(signer.algorithm);
  return encodeSequence(info, algorithm, encodeBitString(signer.sign(info)));
}

/** Decodes a request. Throws `malformed`, and `unproven` when it is not signed with its own key. */
export function parseCertificateRequest(der: Uint8Array): CertificateRequest {
  if (der.length > maxRequestBytes) {
    throw new Fault("malformed", "a certificate request is larger than the limit");
  }
  const parts = decodeDer(der.slice(), (reader) =>
    reader.readSequence((request) => ({
      info: request.readElement(tags.sequence).encoded,
      algorithm: decodeAlgorithm(request),
      signature: request.readBitBytes(),
    })),
  );
  const { subject, publicKey } = decodeDer(parts.info, (reader) =>
    reader.readSequence((info) => {
      if (info.readInteger() !== 0n) {
        throw new Fault("malformed", "a certificate request is not of version 1");
      }
      const name = decodeName(info);
      const key = info.readElement(tags.sequence).encoded;
      if (info.isNext(contextConstructedTag(0))) info.readAny();
      return { subject: name, publicKey: key };
    }),
  );
  decodePublicKey(publicKey);
  if (!isSigned(parts, publicKey))
    throw new Fault("unproven", "a certificate request is not signed with its own key");
  return { subject, publicKey };
}

function isSigned(
  {
    info,
    algorithm,
    signature,
  }: {
    readonly info: Uint8Array;
    readonly algorithm: SignatureAlgorithm | undefined;
    readonly signature: Uint8Array;
  },
  publicKey: Uint8Array,
): boolean {
  if (algorithm === undefined) return false;
  try {
    const key = createPublicKey({ key: buffer(publicKey), format: "der", type: "spki" });
    return verify(algorithmInfo(algorithm).hash, info, key, signature);
  } catch (cause) {
    throw new Fault("malformed", "the key of a certificate request cannot be used", { cause });
  }
}
