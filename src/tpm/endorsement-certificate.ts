/**
 * Endorsement certificates as TPM vendors make them (TCG EK Credential Profile 2.5 section 3; RFC 5280).
 * They come out of NV memory padded, name the key type in ways that Node refuses, and carry no usable subject.
 * Reading one proves nothing; endorsement-chain.ts checks who issued it.
 */
import { createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import { hex } from "#base/bytes.ts";
import { DerReader, decodeDer } from "#der/reader.ts";
import { contextConstructedTag, tags } from "#der/tags.ts";
import { encodeNull, encodeOid, encodeSequence } from "#der/writer.ts";
import { refuse } from "./refusal.ts";

/** What a certificate says about an endorsement key. */
export interface EndorsementCertificate {
  readonly certificate: X509Certificate;
  readonly key: KeyObject;
  /** Lower-case hexadecimal pairs joined by ":", without a sign byte. */
  readonly serial: string;
  /** Extended key usages; undefined when the extension is absent. */
  readonly usages: readonly string[] | undefined;
  /** The TPM's maker, model and firmware as the certificate names them. Informational. */
  readonly manufacturer: string | undefined;
  readonly model: string | undefined;
  readonly version: string | undefined;
}

/** tcg-kp-EKCertificate: the usage of an endorsement certificate. */
export const endorsementUsage = "2.23.133.8.1";

const maxBytes = 8192;
const oid = {
  rsaEncryption: "1.2.840.113549.1.1.1",
  rsaesOaep: "1.2.840.113549.1.1.7",
  subjectAltName: "2.5.29.17",
  extendedKeyUsage: "2.5.29.37",
  manufacturer: "2.23.133.2.1",
  model: "2.23.133.2.2",
  version: "2.23.133.2.3",
} as const;

/** Parses a certificate as read from NV memory or sent by a client; refuses with `ek_certificate`. */
export function parseEndorsementCertificate(bytes: Uint8Array): EndorsementCertificate {
  try {
    const der = cutPadding(bytes);
    const fields = decodeDer(der, readCertificate);
    const certificate = new X509Certificate(der);
    return { certificate, ...fields, key: parseEndorsementKey(fields.spki) };
  } catch (cause) {
    throw refuse("ek_certificate", undefined, cause);
  }
}

/**
 * Parses a SubjectPublicKeyInfo. The RSAES-OAEP algorithm that some vendors write, and Node refuses, is read as plain RSA.
 * Refuses with `ek_key` what is not exactly one key.
 */
export function parseEndorsementKey(spki: Uint8Array): KeyObject {
  try {
    const plain = decodeDer(spki, readPlainKeyInfo);
    return createPublicKey({ key: Buffer.from(plain), format: "der", type: "spki" });
  } catch (cause) {
    throw refuse("ek_key", undefined, cause);
  }
}

/** Cuts what stands behind the certificate in NV memory, and the header of the older TCG form in front of it. */
export function cutPadding(bytes: Uint8Array): Uint8Array {
  const wrapped = bytes[0] === 0x10 && bytes[1] === 0x01 && bytes[2] === 0x00;
  const start = wrapped ? bytes.subarray(5) : bytes;
  const { encoded } = new DerReader(start, 0).readElement(tags.sequence);
  if (encoded.length > maxBytes) throw refuse("ek_certificate", `${encoded.length} bytes`);
  return encoded;
}

function readPlainKeyInfo(from: DerReader): Uint8Array {
  return from.readSequence((info) => {
    const algorithm = info.readElement(tags.sequence);
    const key = info.readElement(tags.bitString);
    const plain = algorithmOf(algorithm.encoded) === oid.rsaesOaep;
    const rsa = encodeSequence(encodeOid(oid.rsaEncryption), encodeNull());
    return encodeSequence(plain ? rsa : algorithm.encoded, key.encoded);
  });
}

function algorithmOf(encoded: Uint8Array): string {
  return new DerReader(encoded, 0).readSequence((algorithm) => {
    const name = algorithm.readOid();
    while (!algorithm.atEnd) algorithm.readAny();
    return name;
  });
}

interface CertificateFields {
  readonly serial: string;
  readonly spki: Uint8Array;
  readonly usages: readonly string[] | undefined;
  readonly manufacturer: string | undefined;
  readonly model: string | undefined;
  readonly version: string | undefined;
}

function readCertificate(from: DerReader): CertificateFields {
  return from.readSequence((certificate) => {
    const fields = certificate.readSequence(readToBeSigned);
    certificate.readElement(tags.sequence);
    certificate.readElement(tags.bitString);
    return fields;
  });
}

function readToBeSigned(tbs: DerReader): CertificateFields {
  tbs.readOptionalExplicit(0, (version) => version.readInteger());
  const serial = formatSerial(tbs.readElement(tags.integer).contents);
  tbs.readElement(tags.sequence); // signature algorithm
  tbs.readElement(tags.sequence); // issuer
  tbs.readElement(tags.sequence); // validity
  tbs.readElement(tags.sequence); // subject
  const spki = tbs.readElement(tags.sequence).encoded;
  while (!tbs.atEnd && !tbs.isNext(contextConstructedTag(3))) tbs.readAny(); // unique identifiers
  const extensions = new Map(tbs.readOptionalExplicit(3, readExtensions) ?? []);
  const names = new Map(readWith(extensions.get(oid.subjectAltName), readDirectoryNames) ?? []);
  return {
    serial,
    spki,
    usages: readWith(extensions.get(oid.extendedKeyUsage), readUsages),
    manufacturer: names.get(oid.manufacturer),
    model: names.get(oid.model),
    version: names.get(oid.version),
  };
}

function readWith<T>(der: Uint8Array | undefined, read: (from: DerReader) => T): T | undefined {
  return der && decodeDer(der, read);
}

function readExtensions(from: DerReader): (readonly [string, Uint8Array])[] {
  return from.readList(tags.sequence, (list) =>
    list.readSequence((extension) => {
      const name = extension.readOid();
      // Vendors write "critical FALSE" out, which is not DER; the flag decides nothing here.
      if (extension.isNext(tags.boolean)) extension.readAny();
      return [name, extension.readOctetString()] as const;
    }),
  );
}

function readUsages(from: DerReader): string[] {
  return from.readList(tags.sequence, (usage) => usage.readOid());
}

/** The attributes of every directoryName in a GeneralNames value; other names are passed over. */
function readDirectoryNames(from: DerReader): (readonly [string, string])[] {
  const directoryName = contextConstructedTag(4);
  return from
    .readList(tags.sequence, (name) => {
      if (name.isNext(directoryName)) return name.readInside(directoryName, readName);
      name.readAny();
      return [];
    })
    .flat();
}

function readName(from: DerReader): (readonly [string, string])[] {
  return from
    .readList(tags.sequence, (rdn) =>
      rdn.readList(tags.set, (set) =>
        set.readSequence((attribute) => {
          const type = attribute.readOid();
          const { contents } = attribute.readAny();
          return [type, Buffer.from(contents).toString("utf8")] as const;
        }),
      ),
    )
    .flat();
}

function formatSerial(contents: Uint8Array): string {
  const magnitude = contents.length > 1 && contents[0] === 0 ? contents.subarray(1) : contents;
  return hex(magnitude).replace(/..(?!$)/g, "$&:");
}
