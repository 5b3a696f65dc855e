/**
 * What the server makes of the endorsement key that a client sends (spec rules "EK" 1 to 3).
 * The key alone proves nothing about the client: credential activation does.
 */
import { createHash, type KeyObject } from "node:crypto";
import { hex } from "#base/bytes.ts";
import {
  type EndorsementCertificate,
  endorsementUsage,
  parseEndorsementCertificate,
  parseEndorsementKey,
} from "./endorsement-certificate.ts";
import { chainsToAuthority, type EndorsementAuthorities, isValidAt } from "./endorsement-chain.ts";
import { assertChecks, type Check, refuse } from "./refusal.ts";

/** A certificate or, when the TPM shows none, the bare key in PKIX form. */
export type SentEndorsement = { readonly certificate: Uint8Array } | { readonly key: Uint8Array };

/** Attestation types of a TPM device, as resources spell them. */
export type TpmAttestationType = "tpm_ekpub" | "tpm_ekcert" | "tpm_ekcert_trusted";

/** An endorsement key that has passed the checks. */
export interface Endorsement {
  readonly key: KeyObject;
  /** SHA-256 of the SubjectPublicKeyInfo in hexadecimal: the identity of the TPM. */
  readonly publicKeyHash: string;
  readonly attestationType: TpmAttestationType;
  /** The certificate, when one was sent. */
  readonly certificate: EndorsementCertificate | undefined;
}

/** What the cluster demands of endorsement keys. */
export interface EndorsementPolicy {
  /** When not empty, only certificates that chain to one of these are accepted. */
  readonly authorities: EndorsementAuthorities;
  readonly at: Date;
}

interface Candidate {
  readonly certificate: EndorsementCertificate;
  readonly policy: EndorsementPolicy;
}

const checkNotAuthority: Check<Candidate> = ({ certificate }) =>
  certificate.certificate.ca ? "ek_certificate_is_ca" : undefined;

/** Certificates without the extension exist; one that names other purposes only is not an endorsement certificate. */
const checkUsage: Check<Candidate> = ({ certificate: { usages } }) =>
  usages === undefined || usages.includes(endorsementUsage) ? undefined : "ek_usage";

const checkValidity: Check<Candidate> = ({ certificate, policy }) =>
  isValidAt(certificate.certificate, policy.at) ? undefined : "ek_validity";

const checkTrusted: Check<Candidate> = ({ certificate, policy: { authorities, at } }) =>
  authorities.length === 0 || chainsToAuthority(certificate.certificate, authorities, at)
    ? undefined
    : "ek_untrusted";

const certificateChecks = [checkNotAuthority, checkUsage, checkValidity, checkTrusted];

/** Checks what was sent against the policy. Refuses with one of the `ek_` reasons. */
export function judgeEndorsement(sent: SentEndorsement, policy: EndorsementPolicy): Endorsement {
  if ("key" in sent) {
    if (policy.authorities.length > 0) throw refuse("ek_certificate_required");
    return describe(parseEndorsementKey(sent.key), "tpm_ekpub", undefined);
  }
  const certificate = parseEndorsementCertificate(sent.certificate);
  assertChecks({ certificate, policy }, certificateChecks);
  const trusted = policy.authorities.length > 0;
  return describe(certificate.key, trusted ? "tpm_ekcert_trusted" : "tpm_ekcert", certificate);
}

function describe(
  key: KeyObject,
  attestationType: TpmAttestationType,
  certificate: EndorsementCertificate | undefined,
): Endorsement {
  assertUsableKey(key);
  const spki = key.export({ format: "der", type: "spki" });
  const publicKeyHash = hex(createHash("sha256").update(spki).digest());
  return { key, publicKeyHash, attestationType, certificate };
}

/** RSA-2048 and P-256 are the default templates (L-1, L-2), the ones make-credential.ts serves. */
function assertUsableKey(key: KeyObject): void {
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {};
  const rsa = key.asymmetricKeyType === "rsa" && modulusLength === 2048;
  const p256 = key.asymmetricKeyType === "ec" && namedCurve === "prime256v1";
  if (!rsa && !p256) throw refuse("ek_key", `${key.asymmetricKeyType}`);
}
