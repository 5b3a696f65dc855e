/**
 * Evidence captured once from swtpm, so that unit tests judge real TPM bytes without a TPM. To capture again:
 * `node test/support/capture-tpm-vectors.ts`.
 */
import { readFileSync } from "node:fs";
import type { AttestationParameters } from "#tpm/attestation-key.ts";
import { claimForm } from "#tpm/forms.ts";
import type { QuoteEvidence } from "#tpm/quote.ts";

/** A vector as it stands in the file; byte strings are base64. */
export interface TpmVectorFile {
  readonly source: string;
  readonly capturedAt: string;
  readonly attestationKey: {
    readonly public: string;
    readonly createData: string;
    readonly createAttestation: string;
    readonly createSignature: string;
  };
  readonly credentialId: string;
  /** SubjectPublicKeyInfo. */
  readonly endorsementKey: string;
  readonly endorsementCertificate?: string;
  readonly issuerPem?: string;
  /** Random bytes given to MakeCredential, in order, and what the TPM answered. */
  readonly activation: {
    readonly random: readonly string[];
    readonly secret: string;
    readonly credentialBlob: string;
    readonly encryptedSecret: string;
    readonly solution: string;
  };
  readonly nonce: string;
  readonly quotes: readonly { readonly quote: string; readonly signature: string }[];
  readonly pcrs: readonly { readonly hash: number; readonly digests: readonly string[] }[];
}

/** A vector ready for the checks. */
export interface TpmVector extends Pick<TpmVectorFile, "credentialId" | "issuerPem"> {
  readonly at: Date;
  readonly parameters: AttestationParameters;
  readonly endorsementKey: Uint8Array;
  readonly endorsementCertificate: Uint8Array | undefined;
  readonly evidence: QuoteEvidence;
  readonly activation: {
    readonly random: readonly Uint8Array[];
    readonly secret: Uint8Array;
    readonly credentialBlob: Uint8Array;
    readonly encryptedSecret: Uint8Array;
    readonly solution: Uint8Array;
  };
}

/** Reads a vector of `test/vectors/tpm`. */
export function loadTpmVector(name: "rsa-two-banks" | "p256-sha256"): TpmVector {
  const path = new URL(`../vectors/tpm/${name}.json`, import.meta.url);
  const file: TpmVectorFile = JSON.parse(readFileSync(path, "utf8"));
  const { attestationKey: key, activation } = file;
  return {
    at: new Date(file.capturedAt),
    credentialId: file.credentialId,
    ...(file.issuerPem === undefined ? {} : { issuerPem: file.issuerPem }),
    parameters: {
      public: claimForm(bytes(key.public)),
      createData: claimForm(bytes(key.createData)),
      createAttestation: claimForm(bytes(key.createAttestation)),
      createSignature: claimForm(bytes(key.createSignature)),
    },
    endorsementKey: bytes(file.endorsementKey),
    endorsementCertificate: file.endorsementCertificate && bytes(file.endorsementCertificate),
    evidence: {
      nonce: bytes(file.nonce),
      quotes: file.quotes.map(({ quote, signature }) => ({
        quote: claimForm(bytes(quote)),
        signature: claimForm(bytes(signature)),
      })),
      pcrs: file.pcrs.flatMap(({ hash, digests }) =>
        digests.map((digest, index) => ({ index, hash, digest: bytes(digest) })),
      ),
    },
    activation: {
      random: activation.random.map(bytes),
      secret: bytes(activation.secret),
      credentialBlob: bytes(activation.credentialBlob),
      encryptedSecret: bytes(activation.encryptedSecret),
      solution: bytes(activation.solution),
    },
  } as TpmVector;
}

function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "base64"));
}
