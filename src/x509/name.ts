/**
 * Distinguished names (RFC 5280 section 4.1.2.4) as flat lists of attributes. Identities live in
 * these names, one attribute per value, so the order is kept and repeated types are normal.
 * Encoding is in `name-der.ts`.
 */

/** One attribute of a name, in an RDN of its own. */
export interface Rdn {
  /** Attribute type as a dotted OID, such as "2.5.4.3". */
  readonly type: string;
  readonly value: string;
}

/** Attribute types of X.520 that names use, by their usual short names (RFC 4519). */
export const attributes = {
  commonName: "2.5.4.3",
  serialNumber: "2.5.4.5",
  country: "2.5.4.6",
  locality: "2.5.4.7",
  province: "2.5.4.8",
  street: "2.5.4.9",
  organization: "2.5.4.10",
  organizationalUnit: "2.5.4.11",
  postalCode: "2.5.4.17",
} as const;

/** All values of one attribute type, in the order of the name. */
export function valuesOf(name: readonly Rdn[], type: string): string[] {
  return name.filter((rdn) => rdn.type === type).map((rdn) => rdn.value);
}

/**
 * The value of an attribute that must stand exactly once; undefined when it is absent or repeated.
 */
export function singleValueOf(name: readonly Rdn[], type: string): string | undefined {
  const values = valuesOf(name, type);
  return values.length === 1 ? values[0] : undefined;
}

/** The common name, when there is exactly one. */
export function commonNameOf(name: readonly Rdn[]): string | undefined {
  return singleValueOf(name, attributes.commonName);
}

const shortNames: ReadonlyMap<string, string> = new Map([
  [attributes.commonName, "CN"],
  [attributes.serialNumber, "serialNumber"],
  [attributes.country, "C"],
  [attributes.locality, "L"],
  [attributes.province, "ST"],
  [attributes.street, "street"],
  [attributes.organization, "O"],
  [attributes.organizationalUnit, "OU"],
  [attributes.postalCode, "postalCode"],
]);

/**
 * Text for people, in the order of the name: "O = example, CN = example". Not meant to be parsed.
 */
export function formatName(name: readonly Rdn[]): string {
  return name
    .map(
      (rdn) =>
        `${shortNames.get(rdn.type) ?? rdn.type} = ${JSON.stringify(rdn.value).slice(1, -1)}`,
    )
    .join(", ");
}

/** True when both names have the same attributes in the same order. */
export function sameName(a: readonly Rdn[], b: readonly Rdn[]): boolean {
  return (
    a.length === b.length &&
    a.every((rdn, i) => rdn.type === b[i]?.type && rdn.value === b[i]?.value)
  );
}
