/**
 * TPMT_SIGNATURE (TPM 2.0 Library Part 2 section 11.3.4): RSASSA, RSAPSS and ECDSA.
 * Scheme and hash of a signature must be the ones that the public area of the key fixes.
 */
import { constants, type KeyObject, verify } from "node:crypto";
import { concat } from "#base/bytes.ts";
import { algorithm, findCurve, type HashAlgorithm } from "./constants.ts";
import { claimForm, type SignatureBytes } from "./forms.ts";
import { type Decoded, decodeWhole, encodeWhole, layout, sized, uint16, union } from "./layout.ts";
import { type PublicArea, padLeft } from "./public-area.ts";
import { refuse } from "./refusal.ts";

const rsaSignature = layout({ hash: uint16, value: sized(512) });

const signature = union(
  {
    rsassa: [algorithm.rsassa, rsaSignature],
    rsapss: [algorithm.rsapss, rsaSignature],
    ecdsa: [algorithm.ecdsa, layout({ hash: uint16, r: sized(66), s: sized(66) })],
  },
  "signature_scheme",
);

/** A signature of one of the three schemes. */
export type TpmSignature = Decoded<typeof signature>;

/** Encodes a signature. */
export function encodeSignature(value: TpmSignature): SignatureBytes {
  return claimForm(encodeWhole(signature, value));
}

/** A key whose public area fixes how it signs. */
export interface SigningKey {
  readonly area: PublicArea;
  readonly key: KeyObject;
  readonly scheme: TpmSignature["kind"];
  /** Hash of the signing scheme: also the hash of `pcrDigest` in quotes, whatever the bank. */
  readonly hash: HashAlgorithm;
}

/** What is signed: refusals name it. */
export type SignedStructure = "creation" | "quote";

/**
 * Returns if `key` signed `message`; refuses with `creation_signature` or `quote_signature`, or with `signature_scheme` or
 * `signature_malformed`, otherwise.
 */
export function assertSignature(
  key: SigningKey,
  what: SignedStructure,
  message: Uint8Array,
  bytes: SignatureBytes,
): void {
  const found = decodeWhole(signature, bytes, "TPMT_SIGNATURE", "signature_malformed");
  if (found.kind !== key.scheme || found.hash !== key.hash.id) {
    throw refuse("signature_scheme", `that of the ${what}`);
  }
  if (found.kind === "ecdsa") {
    // Clients that pass r and s through big integers drop leading zeros.
    const size = findCurve(key.area.kind === "ecc" ? key.area.curve : 0)?.size ?? 0;
    const pair = [found.r, found.s].map((each) => padLeft(each, size, "signature_malformed"));
    const options = { key: key.key, dsaEncoding: "ieee-p1363" } as const;
    if (!verify(key.hash.name, message, options, concat(...pair)))
      throw refuse(`${what}_signature`);
    return;
  }
  const options =
    found.kind === "rsassa"
      ? { key: key.key, padding: constants.RSA_PKCS1_PADDING }
      : {
          key: key.key,
          padding: constants.RSA_PKCS1_PSS_PADDING,
          saltLength: constants.RSA_PSS_SALTLEN_AUTO,
        };
  if (!verify(key.hash.name, message, options, found.value)) throw refuse(`${what}_signature`);
}
