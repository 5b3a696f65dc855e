/**
 * Reads X.509 version 3 certificates (RFC 5280 section 4.1) that peers present. Reading proves
 * nothing: the signature, the times and the purpose are checked by `verifyCertificate`.
 */
import { sameBytes } from "#base/bytes.ts";
import { Fault } from "#base/fault.ts";
import { type DerReader, decodeDer } from "#der/reader.ts";
import { contextConstructedTag, tags } from "#der/tags.ts";
import { decodeAlgorithm, type SignatureAlgorithm } from "./algorithm.ts";
import {
  type AlternativeNames,
  type BasicConstraints,
  decodeAlternativeNames,
  decodeAuthorityKeyId,
  decodeBasicConstraints,
  decodeExtendedKeyUsage,
  decodeExtension,
  decodeKeyUsage,
  decodeSubjectKeyId,
  type Extension,
  extensionOids,
  type KeyUsage,
} from "./extensions.ts";
import type { Rdn } from "./name.ts";
import { decodeName } from "./name-der.ts";

/** A certificate, taken apart. Byte strings are copies of their own: the input may be reused. */
export interface Certificate {
  /** The whole certificate in DER. */
  readonly encoded: Uint8Array;
  /** What the signature covers. */
  readonly tbs: Uint8Array;
  /** Undefined for an algorithm that we do not verify. */
  readonly signatureAlgorithm: SignatureAlgorithm | undefined;
  readonly signature: Uint8Array;
  readonly serial: bigint;
  readonly issuer: readonly Rdn[];
  readonly subject: readonly Rdn[];
  /** The names in DER: compare these. */
  readonly encodedIssuer: Uint8Array;
  readonly encodedSubject: Uint8Array;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** SubjectPublicKeyInfo in DER; not checked, see `decodePublicKey`. */
  readonly publicKey: Uint8Array;
  /** True when basic constraints say that this is an authority. */
  readonly authority: boolean;
  readonly pathLength: number | undefined;
  /** Undefined when the certificate does not say. */
  readonly keyUsage: readonly KeyUsage[] | undefined;
  /** Dotted OIDs; undefined when the certificate does not say. */
  readonly extendedKeyUsage: readonly string[] | undefined;
  readonly alternativeNames: AlternativeNames;
  readonly authorityKeyId: Uint8Array | undefined;
  readonly subjectKeyId: Uint8Array | undefined;
  /** All extensions, also those that we understand. No OID stands twice. */
  readonly extensions: readonly Extension[];
}

/** Bytes of a certificate that we are ready to look at. */
const maxCertificateBytes = 64 * 1024;

/**
 * Decodes one certificate; throws `malformed` for anything that is not exactly one version 3
 * certificate in DER.
 */
export function parseCertificate(der: Uint8Array): Certificate {
  if (der.length > maxCertificateBytes) {
    throw new Fault("malformed", "a certificate is larger than the limit");
  }
  const encoded = der.slice();
  return decodeDer(encoded, (reader) =>
    reader.readSequence((certificate) => {
      const tbs = certificate.readElement(tags.sequence).encoded;
      const outer = certificate.readElement(tags.sequence).encoded;
      const signature = certificate.readBitBytes();
      const body = decodeDer(tbs, (tbsReader) => tbsReader.readSequence(readBody));
      if (!sameBytes(outer, body.encodedAlgorithm)) {
        throw new Fault("malformed", "a certificate names two different signature algorithms");
      }
      const { encodedAlgorithm, ...fields } = body;
      const signatureAlgorithm = decodeDer(encodedAlgorithm, decodeAlgorithm);
      return { encoded, tbs, signature, signatureAlgorithm, ...fields };
    }),
  );
}

function readBody(body: DerReader) {
  const version = body.readOptionalExplicit(0, (inside) => inside.readInteger());
  if (version !== 2n) throw new Fault("malformed", "a certificate is not of version 3");
  const serial = body.readInteger();
  if (serial < 0n || serial >= 1n << 168n) {
    throw new Fault("malformed", "the serial number of a certificate is out of bounds");
  }
  const encodedAlgorithm = body.readElement(tags.sequence).encoded;
  const encodedIssuer = body.readElement(tags.sequence).encoded;
  const [notBefore, notAfter] = body.readSequence(
    (validity) => [validity.readTime(), validity.readTime()] as const,
  );
  const encodedSubject = body.readElement(tags.sequence).encoded;
  const publicKey = body.readElement(tags.sequence).encoded;
  const extensions = body.isNext(contextConstructedTag(3))
    ? body.readInside(contextConstructedTag(3), (inside) =>
        inside.readList(tags.sequence, decodeExtension),
      )
    : [];
  return {
    serial,
    encodedAlgorithm,
    issuer: decodeDer(encodedIssuer, decodeName),
    subject: decodeDer(encodedSubject, decodeName),
    encodedIssuer,
    encodedSubject,
    notBefore,
    notAfter,
    publicKey,
    ...readExtensions(extensions),
  };
}

function readExtensions(extensions: readonly Extension[]) {
  const values = new Map(extensions.map(({ oid, value }) => [oid, value]));
  if (values.size !== extensions.length) {
    throw new Fault("malformed", "a certificate has the same extension twice");
  }
  const read = <T>(oid: string, decode: (value: Uint8Array) => T): T | undefined => {
    const value = values.get(oid);
    return value === undefined ? undefined : decode(value);
  };
  const constraints: BasicConstraints = read(
    extensionOids.basicConstraints,
    decodeBasicConstraints,
  ) ?? { authority: false };
  return {
    authority: constraints.authority,
    pathLength: constraints.pathLength,
    keyUsage: read(extensionOids.keyUsage, decodeKeyUsage),
    extendedKeyUsage: read(extensionOids.extendedKeyUsage, decodeExtendedKeyUsage),
    alternativeNames: read(extensionOids.alternativeNames, decodeAlternativeNames) ?? noNames,
    authorityKeyId: read(extensionOids.authorityKeyId, decodeAuthorityKeyId),
    subjectKeyId: read(extensionOids.subjectKeyId, decodeSubjectKeyId),
    extensions,
  };
}

const noNames: AlternativeNames = { dns: [], ip: [], directory: [] };
