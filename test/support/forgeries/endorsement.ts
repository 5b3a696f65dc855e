/** Forged endorsement keys and certificates: of no maker, of another maker, of another TPM, or of no form. */
import { generateKeyPairSync } from "node:crypto";
import type { TpmEnrollPayload } from "#devicetrust/messages.ts";
import type { EvidenceReason } from "#tpm/refusal.ts";
import { spkiOf } from "../device-ceremony.ts";
import { createTestIssuer, issueTestCertificate } from "../endorsement-certificates.ts";
import { type Forgery, flipped, type Means, placesIn } from "./forgery.ts";

const otherUsages = {
  "a TLS client": "1.3.6.1.5.5.7.3.2",
  "a TLS server": "1.3.6.1.5.5.7.3.1",
  "an attestation key": "2.23.133.8.3",
  "a platform": "2.23.133.8.2",
};

function certificate(
  name: string,
  reason: EvidenceReason,
  make: (means: Means, honest: Uint8Array) => Uint8Array,
): Forgery<TpmEnrollPayload> {
  return {
    name,
    reason,
    forge({ attestationParameters, ekCert = new Uint8Array(0) }, means) {
      return { attestationParameters, ekCert: make(means, ekCert) };
    },
  };
}

function bareKey(
  name: string,
  reason: EvidenceReason,
  ekKey: (means: Means) => Uint8Array,
): Forgery<TpmEnrollPayload> {
  return {
    name,
    reason,
    forge: ({ attestationParameters }, means) => ({ attestationParameters, ekKey: ekKey(means) }),
  };
}

const rsa = (modulusLength: number) =>
  spkiOf(generateKeyPairSync("rsa", { modulusLength }).publicKey);

const curve = (namedCurve: string) => spkiOf(generateKeyPairSync("ec", { namedCurve }).publicKey);

/** The forgeries; the record of the device is bound to the key hash and the serial number of the honest certificate. */
export const endorsementForgeries: readonly Forgery<TpmEnrollPayload>[] = [
  certificate("an empty endorsement certificate", "ek_missing", () => new Uint8Array(0)),
  bareKey("an empty endorsement key", "ek_missing", () => new Uint8Array(0)),
  bareKey("the bare endorsement key of the TPM", "ek_certificate_required", ({ tpm }) => {
    return tpm.endorsementSpki;
  }),
  bareKey("the bare key of a TPM in software", "ek_certificate_required", () => rsa(2048)),
  ...placesIn(500, 20).map((length) =>
    certificate(`a certificate cut to ${length} bytes`, "ek_certificate", (_, honest) =>
      // Nothing at all counts as missing.
      honest.subarray(0, Math.max(1, length)),
    ),
  ),
  certificate("a text as certificate", "ek_certificate", () => new TextEncoder().encode("PEM")),
  certificate("a certificate of indefinite length", "ek_certificate", () =>
    Uint8Array.of(0x30, 0x80, 0, 0),
  ),
  certificate("a certificate larger than any maker's", "ek_certificate", ({ certify }) =>
    certify({ names: [["2.23.133.2.1", "x".repeat(9000)]] }),
  ),
  // The last bytes are the signature's.
  ...placesIn(56, 8).map((place) =>
    certificate(`byte ${place} from the end of the certificate changed`, "ek_untrusted", (_, ek) =>
      flipped(ek, ek.length - 1 - place),
    ),
  ),
  certificate("an authority's certificate", "ek_certificate_is_ca", ({ certify }) =>
    certify({ isAuthority: true }),
  ),
  ...Object.entries(otherUsages).map(([whose, usage]) =>
    certificate(`a certificate for the key of ${whose}`, "ek_usage", ({ certify }) =>
      certify({ usages: [usage] }),
    ),
  ),
  certificate("a certificate for no use at all", "ek_usage", ({ certify }) =>
    certify({ usages: [] }),
  ),
  certificate("a certificate of the future", "ek_validity", ({ certify }) =>
    certify({ notBefore: new Date("2040-01-01T00:00:00Z") }),
  ),
  certificate("a certificate of the past", "ek_validity", ({ certify }) =>
    certify({ notAfter: new Date("2021-01-01T00:00:00Z") }),
  ),
  certificate("a certificate of an unknown maker", "ek_untrusted", ({ tpm }) =>
    issueTestCertificate({ issuer: createTestIssuer("Unknown"), spki: tpm.endorsementSpki }),
  ),
  certificate("a certificate of somebody with the maker's name", "ek_untrusted", ({ tpm }) =>
    issueTestCertificate({ issuer: createTestIssuer("Listed"), spki: tpm.endorsementSpki }),
  ),
  ...[1024, 3072].map((modulusLength) =>
    certificate(`a certified RSA key of ${modulusLength} bits`, "ek_key", ({ certify }) =>
      certify({ spki: rsa(modulusLength) }),
    ),
  ),
  ...["P-384", "P-521"].map((namedCurve) =>
    certificate(`a certified key on ${namedCurve}`, "ek_key", ({ certify }) =>
      certify({ spki: curve(namedCurve) }),
    ),
  ),
  certificate("a certified Ed25519 key", "ek_key", ({ certify }) =>
    certify({ spki: spkiOf(generateKeyPairSync("ed25519").publicKey) }),
  ),
  certificate("the certificate of another TPM of the maker", "ek_not_bound", ({ certify }) =>
    certify({ spki: rsa(2048) }),
  ),
  certificate("another certificate of the same TPM", "ek_serial_not_bound", ({ certify }) =>
    certify({ serial: 0x77n }),
  ),
];
