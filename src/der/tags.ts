/** Tag bytes (X.690 section 8.1.2) that certificates use, and the limits of the reader. */

export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Tag byte of a context-specific primitive element, number 0 to 30. */
export function contextTag(number: number): number {
  return 0x80 | number;
}

/** Tag byte of a context-specific constructed element, number 0 to 30. */
export function contextConstructedTag(number: number): number {
  return 0xa0 | number;
}

/** Bounds that hold before anything is parsed. */
export const derLimits = {
  /** Bytes of one input. Certificates of this product stay under 16 KiB. */
  bytes: 256 * 1024,
  /** Levels of nesting that a reader follows. */
  depth: 16,
  /** Bytes of an INTEGER: an RSA-8192 modulus with its sign byte fits. */
  integer: 1025,
  /** Bytes of an OBJECT IDENTIFIER. */
  oid: 64,
} as const;
