/**
 * Byte strings that carry the name of their TPM structure in the type, so that a form with a 16-bit size in front
 * (TPM2B) is never passed where the bare structure belongs: the likeliest mistake in this protocol.
 */

declare const form: unique symbol;

/** Bytes that claim to be one encoded structure. The claim is checked where the structure is decoded. */
export type Form<Name extends string> = Uint8Array & { readonly [form]: Name };

/** TPMT_PUBLIC without a size. */
export type PublicBytes = Form<"TPMT_PUBLIC">;
/** TPMS_ATTEST without a size. */
export type AttestBytes = Form<"TPMS_ATTEST">;
/** TPMT_SIGNATURE. */
export type SignatureBytes = Form<"TPMT_SIGNATURE">;
/** TPMS_CREATION_DATA without a size. */
export type CreationDataBytes = Form<"TPMS_CREATION_DATA">;
/** TPM2B_ID_OBJECT, with its size: what the public API calls `credential_blob`. */
export type SizedIdObject = Form<"TPM2B_ID_OBJECT">;
/** TPM2B_ENCRYPTED_SECRET, with its size: what the public API calls `secret`. */
export type SizedEncryptedSecret = Form<"TPM2B_ENCRYPTED_SECRET">;
/** The name of an object: 16-bit hash algorithm, then the digest of its public area. */
export type ObjectName = Form<"TPM2B_NAME content">;

/** Labels bytes with the structure that their source says they are. Proves nothing. */
export function claimForm<F extends Form<string>>(bytes: Uint8Array): F {
  return bytes as F;
}
