/**
 * Issues X.509 version 3 certificates (RFC 5280 section 4.1). Encodes what it is told and checks
 * only that the result is a possible certificate: who may have which certificate is decided by the
 * caller.
 */
import { Fault } from "#base/fault.ts";
import type { Random } from "#base/random.ts";
import {
  encodeBitString,
  encodeExplicit,
  encodeInteger,
  encodeOctetString,
  encodeSequence,
  encodeTime,
} from "#der/writer.ts";
import { encodeAlgorithm } from "./algorithm.ts";
import {
  type Extension,
  encodeAlternativeNames,
  encodeAuthorityKeyId,
  encodeBasicConstraints,
  encodeExtendedKeyUsage,
  encodeExtension,
  encodeKeyUsage,
  extensionOids,
  type KeyUsage,
} from "./extensions.ts";
import type { Rdn } from "./name.ts";
import { encodeName } from "./name-der.ts";
import { decodePublicKey } from "./public-key.ts";
import type { CertificateSigner } from "./signer.ts";

/** What a certificate shall say. */
export interface CertificateContents {
  /** Positive, at most 20 bytes; see {@link randomSerial}. */
  readonly serial: bigint;
  readonly issuer: readonly Rdn[];
  readonly subject: readonly Rdn[];
  /** Cut to the second. */
  readonly notBefore: Date;
  /** Cut to the second. */
  readonly notAfter: Date;
  /** SubjectPublicKeyInfo of the holder; see `decodePublicKey` for the kinds that are taken. */
  readonly publicKey: Uint8Array;
  /**
   * True for the certificate of an authority. It may sign leaves only (path length 0 is not
   * written, as peers expect).
   */
  readonly authority?: boolean;
  readonly keyUsage: readonly KeyUsage[];
  /** Dotted OIDs, as in `purposes`. None for an authority. */
  readonly extendedKeyUsage?: readonly string[];
  readonly dnsNames?: readonly string[];
  /** As text. */
  readonly ipAddresses?: readonly string[];
  readonly authorityKeyId?: Uint8Array;
  readonly subjectKeyId?: Uint8Array;
}

const version3 = encodeExplicit(0, encodeInteger(2n));

/**
 * Encodes and signs a certificate; gives its DER. Throws `invalid` or `malformed` when the contents
 * cannot be.
 */
export function issueCertificate(
  contents: CertificateContents,
  signer: CertificateSigner,
): Uint8Array {
  checkContents(contents);
  const algorithm = encodeAlgorithm(signer.algorithm);
  const tbs = encodeSequence(
    version3,
    encodeInteger(contents.serial),
    algorithm,
    encodeName(contents.issuer),
    encodeSequence(encodeTime(contents.notBefore), encodeTime(contents.notAfter)),
    encodeName(contents.subject),
    contents.publicKey,
    encodeExplicit(3, encodeSequence(...extensionsOf(contents).map(encodeExtension))),
  );
  return encodeSequence(tbs, algorithm, encodeBitString(signer.sign(tbs)));
}

function checkContents(contents: CertificateContents): void {
  const { serial, notBefore, notAfter, issuer, subject } = contents;
  if (serial <= 0n || serial >= 1n << 159n) {
    throw new Fault("invalid", "a serial number must be positive and have at most 20 bytes");
  }
  if (!(notAfter.getTime() > notBefore.getTime())) {
    throw new Fault("invalid", "a certificate must end after it begins");
  }
  if (issuer.length === 0 || subject.length === 0) {
    throw new Fault("invalid", "a certificate needs an issuer and a subject");
  }
  decodePublicKey(contents.publicKey);
}

function extensionsOf(contents: CertificateContents): Extension[] {
  const { dnsNames = [], ipAddresses = [], extendedKeyUsage = [] } = contents;
  const list: Extension[] = [];
  const add = (oid: string, critical: boolean, value: Uint8Array) =>
    list.push({ oid, critical, value });
  add(extensionOids.keyUsage, true, encodeKeyUsage(contents.keyUsage));
  if (extendedKeyUsage.length > 0) {
    add(extensionOids.extendedKeyUsage, false, encodeExtendedKeyUsage(extendedKeyUsage));
  }
  const authority = contents.authority ?? false;
  add(extensionOids.basicConstraints, true, encodeBasicConstraints({ authority }));
  if (contents.subjectKeyId !== undefined) {
    add(extensionOids.subjectKeyId, false, encodeOctetString(contents.subjectKeyId));
  }
  if (contents.authorityKeyId !== undefined) {
    add(extensionOids.authorityKeyId, false, encodeAuthorityKeyId(contents.authorityKeyId));
  }
  if (dnsNames.length + ipAddresses.length > 0) {
    add(extensionOids.alternativeNames, false, encodeAlternativeNames(dnsNames, ipAddresses));
  }
  return list;
}

/** A serial number with 126 random bits, always 16 bytes long. */
export function randomSerial(random: Random): bigint {
  const bytes = random(16);
  const value = BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
  return (value & ((1n << 126n) - 1n)) | (1n << 126n);
}
