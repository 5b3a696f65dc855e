/**
 * The certificate extensions that we write and understand (RFC 5280 section 4.2.1): key usage,
 * basic constraints, extended key usage, alternative names and the two key identifiers. Others are
 * kept as bytes; a critical one among them makes verification fail.
 */
import { Fault } from "#base/fault.ts";
import { type DerReader, decodeDer } from "#der/reader.ts";
import { contextConstructedTag, contextTag, derLimits, tags } from "#der/tags.ts";
import {
  encodeBitString,
  encodeBoolean,
  encodeElement,
  encodeInteger,
  encodeOctetString,
  encodeOid,
  encodeSequence,
} from "#der/writer.ts";
import { decodeIpAddress, encodeIpAddress } from "./ip-address.ts";
import type { Rdn } from "./name.ts";
import { decodeName } from "./name-der.ts";

/** Extensions by the number that names them. */
export const extensionOids = {
  subjectKeyId: "2.5.29.14",
  keyUsage: "2.5.29.15",
  alternativeNames: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  authorityKeyId: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
} as const;

/** Purposes of extended key usage. */
export const purposes = {
  serverAuth: "1.3.6.1.5.5.7.3.1",
  clientAuth: "1.3.6.1.5.5.7.3.2",
} as const;

/** Key usage bits, first bit first (section 4.2.1.3). */
const keyUsageBits = [
  "digitalSignature",
  "nonRepudiation",
  "keyEncipherment",
  "dataEncipherment",
  "keyAgreement",
  "keyCertSign",
  "cRLSign",
  "encipherOnly",
  "decipherOnly",
] as const;

/** One thing that a key may be used for. */
export type KeyUsage = (typeof keyUsageBits)[number];

/** One extension as it stands in a certificate. */
export interface Extension {
  readonly oid: string;
  readonly critical: boolean;
  readonly value: Uint8Array;
}

/** Encodes one extension. */
export function encodeExtension({ oid, critical, value }: Extension): Uint8Array {
  return critical
    ? encodeSequence(encodeOid(oid), encodeBoolean(true), encodeOctetString(value))
    : encodeSequence(encodeOid(oid), encodeOctetString(value));
}

/** Decodes one extension. */
export function decodeExtension(reader: DerReader): Extension {
  return reader.readSequence((extension) => ({
    oid: extension.readOid(),
    critical: extension.readDefaultFalse(),
    value: extension.readOctetString(),
  }));
}

/** Encodes the value of key usage. */
export function encodeKeyUsage(usages: readonly KeyUsage[]): Uint8Array {
  let bits = 0;
  for (const usage of usages) bits |= 0x8000 >>> keyUsageBits.indexOf(usage);
  if (bits === 0) throw new Fault("invalid", "a certificate needs at least one key usage");
  const bytes = bits & 0xff ? [bits >>> 8, bits & 0xff] : [bits >>> 8];
  const unused = (31 - Math.clz32(bits & -bits)) % 8;
  return encodeBitString(Uint8Array.from(bytes), unused);
}

/** Decodes the value of key usage. */
export function decodeKeyUsage(value: Uint8Array): KeyUsage[] {
  const { bytes, unused } = decodeDer(value, (reader) => reader.readBitString());
  const count = bytes.length * 8 - unused;
  const [first = 0, second = 0] = bytes;
  const bits = (first << 8) | second;
  if (count === 0 || count > keyUsageBits.length || ((bits << (count - 1)) & 0x8000) === 0) {
    throw new Fault("malformed", "a key usage has no bits, too many, or zeros at its end");
  }
  return keyUsageBits.filter((_, i) => bits & (0x8000 >>> i));
}

/** What basic constraints say. */
export interface BasicConstraints {
  readonly authority: boolean;
  /** How many authorities may follow below. */
  readonly pathLength?: number;
}

/** Encodes the value of basic constraints. */
export function encodeBasicConstraints({ authority, pathLength }: BasicConstraints): Uint8Array {
  if (!authority) return encodeSequence();
  return pathLength === undefined
    ? encodeSequence(encodeBoolean(true))
    : encodeSequence(encodeBoolean(true), encodeInteger(BigInt(pathLength)));
}

/** Decodes the value of basic constraints. */
export function decodeBasicConstraints(value: Uint8Array): BasicConstraints {
  return decodeDer(value, (reader) =>
    reader.readSequence((constraints) => {
      const authority = constraints.readDefaultFalse();
      if (constraints.atEnd) return { authority };
      const pathLength = constraints.readInteger();
      if (!authority || pathLength < 0n || pathLength > 255n) {
        throw new Fault("malformed", "basic constraints have an impossible path length");
      }
      return { authority, pathLength: Number(pathLength) };
    }),
  );
}

/** Encodes the value of extended key usage from dotted OIDs. */
export function encodeExtendedKeyUsage(oids: readonly string[]): Uint8Array {
  return encodeSequence(...oids.map(encodeOid));
}

/** Decodes the value of extended key usage; an empty list is `malformed`. */
export function decodeExtendedKeyUsage(value: Uint8Array): string[] {
  const oids = decodeDer(value, (reader) => reader.readList(tags.sequence, (oid) => oid.readOid()));
  if (oids.length === 0) throw new Fault("malformed", "an extended key usage is empty");
  return oids;
}

/** The alternative names that we understand. */
export interface AlternativeNames {
  readonly dns: readonly string[];
  /** Addresses as text. */
  readonly ip: readonly string[];
  /**
   * Directory names; TPM certificates put their maker and model there (TCG EK Credential Profile
   * section 3.2.9).
   */
  readonly directory: readonly (readonly Rdn[])[];
}

/**
 * A host name, or a wildcard for its first label, in the form that certificates hold: no port, no
 * address, no final dot.
 */
const dnsName = /^(\*\.)?(?!-)[A-Za-z0-9_-]{1,63}(\.(?!-)[A-Za-z0-9_-]{1,63})*$/;

/**
 * Encodes the value of subject alternative name. Throws `invalid` for a text that is no host name
 * or address.
 */
export function encodeAlternativeNames(dns: readonly string[], ip: readonly string[]): Uint8Array {
  const hosts = dns.map((name) => {
    if (name.length > 253 || !dnsName.test(name)) {
      throw new Fault("invalid", `"${name.slice(0, 300)}" is not a host name`);
    }
    return encodeElement(contextTag(2), Buffer.from(name, "latin1"));
  });
  return encodeSequence(
    ...hosts,
    ...ip.map((a) => encodeElement(contextTag(7), encodeIpAddress(a))),
  );
}

/**
 * Decodes the value of subject alternative name; kinds of names that we do not know are left out.
 */
export function decodeAlternativeNames(value: Uint8Array): AlternativeNames {
  const dns: string[] = [];
  const ip: string[] = [];
  const directory: (readonly Rdn[])[] = [];
  decodeDer(value, (reader) =>
    reader.readList(tags.sequence, (names) => {
      if (names.isNext(contextConstructedTag(4))) {
        directory.push(names.readInside(contextConstructedTag(4), decodeName));
        return;
      }
      const { tag, contents } = names.readAny();
      if (tag === contextTag(2)) dns.push(decodeDnsName(contents));
      else if (tag === contextTag(7)) ip.push(decodeIpAddress(contents));
    }),
  );
  return { dns, ip, directory };
}

function decodeDnsName(contents: Uint8Array): string {
  const name = Buffer.from(contents).toString("latin1");
  if (!/^[\x21-\x7e]{1,253}$/.test(name)) {
    throw new Fault(
      "malformed",
      "a host name in a certificate has characters that it must not have",
    );
  }
  return name;
}

/** Encodes the value of authority key identifier (its key identifier only). */
export function encodeAuthorityKeyId(id: Uint8Array): Uint8Array {
  return encodeSequence(encodeElement(contextTag(0), id));
}

/**
 * Decodes the key identifier of an authority key identifier; undefined when it names the key in
 * another way.
 */
export function decodeAuthorityKeyId(value: Uint8Array): Uint8Array | undefined {
  return decodeDer(value, (reader) =>
    reader.readSequence((id) => {
      const keyId = id.isNext(contextTag(0)) ? id.readAny().contents : undefined;
      while (!id.atEnd) id.readAny();
      return checkKeyId(keyId);
    }),
  );
}

/** Decodes the value of subject key identifier. */
export function decodeSubjectKeyId(value: Uint8Array): Uint8Array {
  const id = decodeDer(value, (reader) => reader.readOctetString());
  checkKeyId(id);
  return id;
}

function checkKeyId(id: Uint8Array | undefined): Uint8Array | undefined {
  if (id !== undefined && (id.length === 0 || id.length > derLimits.oid)) {
    throw new Fault("malformed", "the length of a key identifier is out of bounds");
  }
  return id;
}
