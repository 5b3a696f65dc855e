/** Endorsement certificates of any shape, as vendors make them and as nobody should. For tests. */
import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { base64, concat } from "#base/bytes.ts";
import { tags } from "#der/tags.ts";
import {
  encodeBitString,
  encodeBoolean,
  encodeElement,
  encodeExplicit,
  encodeInteger,
  encodeNull,
  encodeOctetString,
  encodeOid,
  encodeSequence,
  encodeSetOf,
  encodeText,
  encodeTime,
} from "#der/writer.ts";
import { encodeBasicConstraints } from "#x509/extensions.ts";

/** Who signs: a name and its key. */
export interface TestIssuer {
  readonly name: string;
  readonly key: KeyObject;
}

/** What stands in the certificate. */
export interface TestCertificate {
  readonly issuer: TestIssuer;
  /** Subject; empty for endorsement certificates. */
  readonly subject?: string;
  readonly spki: Uint8Array;
  readonly serial?: bigint;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  readonly isAuthority?: boolean;
  /** How many authorities may stand below this one. */
  readonly pathLength?: number;
  readonly usages?: readonly string[];
  /** Directory name attributes of the subject alternative name. */
  readonly names?: readonly (readonly [oid: string, value: string])[];
}

const ecdsaWithSha256 = encodeSequence(encodeOid("1.2.840.10045.4.3.2"));

/** A P-256 key and a name for it. */
export function createTestIssuer(name: string): TestIssuer & { readonly spki: Uint8Array } {
  const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const spki = new Uint8Array(pair.publicKey.export({ format: "der", type: "spki" }));
  return { name, key: pair.privateKey, spki };
}

/** The certificate in DER. */
export function issueTestCertificate(it: TestCertificate): Uint8Array {
  const tbs = encodeSequence(
    encodeExplicit(0, encodeInteger(2n)),
    encodeInteger(it.serial ?? 0x00a1b2c3n),
    ecdsaWithSha256,
    encodeName(it.issuer.name),
    encodeSequence(
      encodeTime(it.notBefore ?? new Date("2020-01-01T00:00:00Z")),
      encodeTime(it.notAfter ?? new Date("2049-01-01T00:00:00Z")),
    ),
    encodeName(it.subject ?? ""),
    it.spki,
    encodeExplicit(3, encodeSequence(...encodeExtensions(it))),
  );
  return encodeSequence(tbs, ecdsaWithSha256, encodeBitString(sign("sha256", tbs, it.issuer.key)));
}

/** PEM of a certificate. */
export function toPem(der: Uint8Array): string {
  const lines = base64(der)
    .match(/.{1,64}/g)
    ?.join("\n");
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

/** The same key under the RSAES-OAEP algorithm that some vendors write. */
export function asOaepKey(key: KeyObject): Uint8Array {
  const pkcs1 = new Uint8Array(key.export({ format: "der", type: "pkcs1" }));
  const algorithm = encodeSequence(encodeOid("1.2.840.113549.1.1.7"), encodeNull());
  return encodeSequence(algorithm, encodeBitString(pkcs1));
}

function encodeName(commonName: string): Uint8Array {
  if (commonName === "") return encodeSequence();
  return encodeSequence(encodeSetOf(encodeAttribute("2.5.4.3", commonName)));
}

function encodeAttribute(oid: string, value: string): Uint8Array {
  return encodeSequence(encodeOid(oid), encodeText(value));
}

function encodeExtensions(it: TestCertificate): Uint8Array[] {
  const { isAuthority = false, pathLength, usages, names, spki } = it;
  const below = pathLength === undefined ? {} : { pathLength };
  const constraints = encodeBasicConstraints({ authority: isAuthority, ...below });
  const extensions = [encodeExtension("2.5.29.19", true, constraints)];
  const id = createHash("sha1").update(spki).digest();
  extensions.push(encodeExtension("2.5.29.14", false, encodeOctetString(id)));
  if (usages !== undefined) {
    const list = encodeSequence(...usages.map((usage) => encodeOid(usage)));
    extensions.push(encodeExtension("2.5.29.37", false, list));
  }
  if (names !== undefined) {
    const sets = names.map(([oid, value]) => encodeSetOf(encodeAttribute(oid, value)));
    const directoryName = encodeElement(0xa4, encodeSequence(...sets));
    extensions.push(encodeExtension("2.5.29.17", true, encodeSequence(directoryName)));
  }
  return extensions;
}

function encodeExtension(oid: string, critical: boolean, value: Uint8Array): Uint8Array {
  const flag = critical ? encodeBoolean(true) : new Uint8Array(0);
  return encodeElement(tags.sequence, concat(encodeOid(oid), flag, encodeOctetString(value)));
}
