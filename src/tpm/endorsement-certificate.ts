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
import { decodeBasicConstraints, extensionOids } from "#x509/extensions.ts";
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
  manufacturer: "2.23.133.2.1",
  model: "2.23.133.2.2",
  version: "2.23.133.2.3",
} as const;

/** Parses a certificate as read from NV memory or sent by a client; refuses with `ek_certificate`. */
export function parseEndorsementCertificate(bytes: Uint8Array): EndorsementCertificate {
  try {
    const der = cutPadding(bytes);
    const { serial, spki, extensions } = decodeDer(der, readCertificate);
    const names = new Map(
      readWith(extensions.get(extensionOids.alternativeNames), readDirectoryNames) ?? [],
    );
    return {
      certificate: new X509Certificate(der),
      key: parseEndorsementKey(spki),
      serial,
      usages: readWith(extensions.get(extensionOids.extendedKeyUsage), readUsages),
      manufacturer: names.get(oid.manufacturer),
      model: names.get(oid.model),
      version: names.get(oid.version),
    };
  } catch (cause) {
    throw refuse("ek_certificate", undefined, cause);
  }
}

/**
 * How many authorities may stand between this one and the end of a path (RFC 5280 section 4.2.1.9); undefined for any number.
 * Throws `malformed` when the certificate of the authority does not say it as it must.
 */
export function readPathLength(authority: Uint8Array): number | undefined {
  const { extensions } = decodeDer(authority, readCertificate);
  const constraints = extensions.get(extensionOids.basicConstraints);
  return constraints && decodeBasicConstraints(constraints).pathLength;
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

/** The parts of a certificate that are read here. */
interface CertificateParts {
  readonly serial: string;
  readonly spki: Uint8Array;
  /** Contents by OID. */
  readonly extensions: ReadonlyMap<string, Uint8Array>;
}

function readCertificate(from: DerReader): CertificateParts {
  return from.readSequence((certificate) => {
    const parts = certificate.readSequence(readToBeSigned);
    certificate.readElement(tags.sequence);
    certificate.readElement(tags.bitString);
    return parts;
  });
}

function readToBeSigned(tbs: DerReader): CertificateParts {
  tbs.readOptionalExplicit(0, (version) => version.readInteger());
  const serial = formatSerial(tbs.readElement(tags.integer).contents);
  tbs.readElement(tags.sequence); // signature algorithm
  tbs.readElement(tags.sequence); // issuer
  tbs.readElement(tags.sequence); // validity
  tbs.readElement(tags.sequence); // subject
  const spki = tbs.readElement(tags.sequence).encoded;
  while (!tbs.atEnd && !tbs.isNext(contextConstructedTag(3))) tbs.readAny(); // unique identifiers
  return { serial, spki, extensions: new Map(tbs.readOptionalExplicit(3, readExtensions) ?? []) };
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
