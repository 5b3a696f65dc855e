/**
 * Why TPM evidence is refused. The reason is precise and goes to the audit event; the peer reads one sentence that
 * is the same for all of them, so that probing teaches nothing.
 */
import { Fault } from "#base/fault.ts";

/** Every reason, with the sentence that the audit event shows. Reasons are never renamed. */
export const evidenceReasons = {
  attest_magic: "the attested structure was not made by a TPM",
  attest_type: "the attested structure is of another type",
  ak_malformed: "the public area of the attestation key does not have the form it must have",
  creation_malformed: "the creation data do not have the form they must have",
  attest_malformed: "an attested structure does not have the form it must have",
  signature_malformed: "a signature does not have the form it must have",
  ak_key: "the attestation key has an unacceptable type, size or curve",
  ak_name_algorithm: "the name of the attestation key uses a weak hash",
  ak_scheme: "the attestation key has no fixed signing scheme",
  ak_sha1: "the attestation key signs with SHA-1",
  ak_attributes: "the attestation key is not a restricted signing key fixed to its TPM",
  creation_name: "the creation attestation names another key",
  creation_hash: "the creation data is not what the TPM attested",
  signature_scheme: "a signature uses another scheme than the key",
  creation_signature: "the creation attestation is not signed by the attestation key",
  quote_signature: "a quote is not signed by the attestation key, or was changed",
  quote_count: "no quote, or too many",
  pcr_count: "too many PCR values",
  pcr_repeated: "a PCR value is given twice",
  pcr_value: "a PCR value has a wrong index, algorithm or length",
  quote_nonce: "the quote answers another challenge",
  quote_selection: "a quote must cover exactly one PCR bank",
  quote_bank_repeated: "two quotes cover the same PCR bank",
  pcr_missing: "a quoted PCR has no value",
  pcr_unquoted: "a PCR value is not covered by a quote",
  pcr_digest: "the PCR values are not those that the TPM quoted",
  sha256_bank: "no quote covers the required PCRs of the SHA-256 bank",
  ek_missing: "no endorsement key",
  ek_key: "the endorsement key has an unacceptable type or size",
  ek_certificate: "the endorsement certificate cannot be read",
  ek_certificate_is_ca: "the endorsement certificate belongs to an authority",
  ek_usage: "the certificate is not for an endorsement key",
  ek_validity: "the endorsement certificate is outside its validity",
  ek_certificate_required:
    "the cluster accepts only endorsement certificates of its list, and none was sent",
  ek_untrusted: "the endorsement certificate does not chain to an authority of the cluster's list",
  ek_not_bound: "the device is registered with another endorsement key",
  ek_serial_not_bound:
    "the device is registered with an endorsement certificate of another serial number",
  activation:
    "the credential was not activated: endorsement and attestation key are not in one TPM",
  event_log_limit: "the event log is larger than any firmware writes",
  event_log: "the event log cannot be read",
} as const;

/** One of the reasons. */
export type EvidenceReason = keyof typeof evidenceReasons;

/** An `unproven` fault: one sentence for the peer, reason and detail for the audit event. */
export function refuse(reason: EvidenceReason, detail?: string, cause?: unknown): Fault {
  const audit = {
    reason,
    why: evidenceReasons[reason],
    ...(detail === undefined ? {} : { detail }),
  };
  return new Fault("unproven", "the TPM evidence was refused", { audit, cause });
}

/** One step of a verification: the reason for refusing the subject, or undefined to go on. */
export type Check<T> = (subject: T) => EvidenceReason | undefined;

/** Runs the steps in order and throws at the first that refuses. */
export function assertChecks<T>(subject: T, checks: readonly Check<T>[]): void {
  for (const check of checks) {
    const reason = check(subject);
    if (reason !== undefined) throw refuse(reason);
  }
}
