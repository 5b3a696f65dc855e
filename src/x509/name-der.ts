/**
 * Names in DER (RFC 5280 section 4.1.2.4). We write one attribute per RDN, because a certificate
 * with many roles has many equal types and a SET would lose their order. Reading also takes RDNs
 * with several attributes, as TPM vendors write them, in any order inside the SET.
 */
import { Fault } from "#base/fault.ts";
import type { DerReader } from "#der/reader.ts";
import { tags } from "#der/tags.ts";
import { encodeElement, encodeOid, encodeSequence, encodeText } from "#der/writer.ts";
import type { Rdn } from "./name.ts";

/**
 * Attributes in one name: more than any certificate of ours needs, few enough to bound the work.
 */
const maxAttributes = 1024;

/**
 * Encodes a name; throws `invalid` for an empty value or one with a NUL, which C programs would
 * cut.
 */
export function encodeName(name: readonly Rdn[]): Uint8Array {
  if (name.length > maxAttributes) throw new Fault("limit", "a name has too many attributes");
  return encodeSequence(...name.map(encodeRdn));
}

function encodeRdn({ type, value }: Rdn): Uint8Array {
  if (value === "" || value.includes("\0")) {
    throw new Fault(
      "invalid",
      `an attribute of a certificate name is empty or holds a NUL (${type})`,
    );
  }
  return encodeElement(tags.set, encodeSequence(encodeOid(type), encodeText(value)));
}

/** Decodes the next element of a reader as a name; attributes of one RDN follow each other. */
export function decodeName(reader: DerReader): Rdn[] {
  const name = reader
    .readList(tags.sequence, (rdns) => {
      const attributes = rdns.readList(tags.set, decodeAttribute);
      if (attributes.length > 0) return attributes;
      throw new Fault("malformed", "a certificate name has an empty part");
    })
    .flat();
  if (name.length > maxAttributes) {
    throw new Fault("malformed", "a certificate name has too many attributes");
  }
  return name;
}

function decodeAttribute(reader: DerReader): Rdn {
  return reader.readSequence((attribute) => {
    const type = attribute.readOid();
    const value = attribute.readText();
    if (value.includes("\0")) {
      throw new Fault("malformed", "a certificate name holds a NUL");
    }
    return { type, value };
  });
}
