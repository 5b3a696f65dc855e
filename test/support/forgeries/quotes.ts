/** Forged quotes and PCR values, for both ceremonies. */
import { generateKeyPairSync } from "node:crypto";
import type { PlatformParameters } from "#devicetrust/messages.ts";
import type { Attest } from "#tpm/attest.ts";
import { algorithm } from "#tpm/constants.ts";
import { type AttestBytes, claimForm } from "#tpm/forms.ts";
import { allPcrs } from "#tpm/pcr-selection.ts";
import type { EvidenceReason } from "#tpm/refusal.ts";
import { signWith, withoutMagic } from "../simulated-tpm.ts";
import { type Forgery, flipped, longer, type Means, placesIn } from "./forgery.ts";

type Quote = PlatformParameters["quotes"][number];
type Pcr = PlatformParameters["pcrs"][number];
type QuoteForgery = Forgery<PlatformParameters>;

const { sha1, sha256 } = algorithm;
/** The bank of the second quote of honest evidence, as messages number it; the first is SHA-1. */
const sha256Bank = 5n;
const indexes = allPcrs(sha256).pcrs;

/** Another quote in the place of the honest one of SHA-256. */
function requote(
  name: string,
  reason: EvidenceReason,
  make: (honest: Quote, means: Means) => Quote,
): QuoteForgery {
  return {
    name,
    reason,
    forge(honest, means) {
      const quotes = honest.quotes.map((quote, i) => (i === 1 ? make(quote, means) : quote));
      return { ...honest, quotes };
    },
  };
}

/** A quote whose content was changed before it was signed. */
function resigned(
  name: string,
  reason: EvidenceReason,
  change: (attest: Attest & { kind: "quote" }) => Attest,
): QuoteForgery {
  return requote(name, reason, (_, { tpm, nonce }) =>
    tpm.quote(nonce, allPcrs(sha256), (attest) =>
      attest.kind === "quote" ? change(attest) : attest,
    ),
  );
}

/** Any bytes, signed as if they were a quote. */
function signed(
  name: string,
  reason: EvidenceReason,
  make: (quote: Uint8Array, means: Means) => Uint8Array,
): QuoteForgery {
  return requote(name, reason, ({ quote }, means) => {
    const bytes = claimForm<AttestBytes>(make(quote, means));
    return { quote: bytes, signature: means.tpm.sign(bytes) };
  });
}

function resignature(
  name: string,
  reason: EvidenceReason,
  change: (signature: Uint8Array) => Uint8Array,
): QuoteForgery {
  return requote(name, reason, ({ quote, signature }) => ({ quote, signature: change(signature) }));
}

function revalued(
  name: string,
  reason: EvidenceReason,
  change: (pcrs: readonly Pcr[]) => readonly Pcr[],
): QuoteForgery {
  return { name, reason, forge: (honest) => ({ ...honest, pcrs: change(honest.pcrs) }) };
}

function recounted(
  name: string,
  reason: EvidenceReason,
  change: (quotes: readonly Quote[], means: Means) => readonly Quote[],
): QuoteForgery {
  return {
    name,
    reason,
    forge: (honest, means) => ({ ...honest, quotes: change(honest.quotes, means) }),
  };
}

const isOf =
  (index: number, bank = sha256Bank) =>
  (pcr: Pcr) =>
    pcr.digestAlg === bank && pcr.index === index;

const nonces: Readonly<Record<string, (nonce: Uint8Array) => Uint8Array>> = {
  "of zeros": (nonce) => new Uint8Array(nonce.length),
  "that is empty": () => new Uint8Array(0),
  "cut in half": (nonce) => nonce.subarray(0, 16),
  "with a byte more": (nonce) => longer(nonce),
  "of another challenge": (nonce) => nonce.toReversed(),
  ...Object.fromEntries(
    placesIn(32, 6).map((place) => [
      `with byte ${place} changed`,
      (nonce: Uint8Array) => flipped(nonce, place),
    ]),
  ),
};

const contents: readonly QuoteForgery[] = [
  ...Object.entries(nonces).map(([what, change]) =>
    resigned(`a quote for a nonce ${what}`, "quote_nonce", (attest) => ({
      ...attest,
      extraData: change(attest.extraData),
    })),
  ),
  signed("a quote without the magic of a TPM", "attest_magic", (quote) =>
    withoutMagic(claimForm<AttestBytes>(quote)),
  ),
  signed("a creation attestation as a quote", "attest_type", (_, { tpm }) => {
    return tpm.attestationParameters().createAttestation;
  }),
  resigned("an attestation of another key as a quote", "attest_type", (attest) => ({
    ...attest,
    kind: "certify",
    objectName: new Uint8Array(34),
    qualifiedName: new Uint8Array(34),
  })),
  signed("a quote with a byte too many", "attest_malformed", (quote) => longer(quote)),
  ...placesIn(140, 8).map((length) =>
    signed(`a quote cut to ${length} bytes`, "attest_malformed", (quote) =>
      quote.subarray(0, length),
    ),
  ),
  resigned("a quote of no bank", "quote_selection", (attest) => ({ ...attest, selections: [] })),
  resigned("a quote of a bank without PCRs", "quote_selection", (attest) => ({
    ...attest,
    selections: [{ hash: sha256, pcrs: [] }],
  })),
  resigned("a quote of two banks at once", "quote_selection", (attest) => ({
    ...attest,
    selections: [allPcrs(sha1), allPcrs(sha256)],
  })),
  resigned("a digest of zeros", "pcr_digest", (attest) => ({
    ...attest,
    pcrDigest: new Uint8Array(32),
  })),
  resigned("an empty digest", "pcr_digest", (attest) => ({
    ...attest,
    pcrDigest: new Uint8Array(0),
  })),
  requote("a quote by another key", "quote_signature", ({ quote }) => {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    return { quote, signature: signWith(privateKey, quote) };
  }),
];

const signatures: readonly QuoteForgery[] = [
  ...placesIn(140, 20).map((place) =>
    requote(`byte ${place} of a quote changed`, "quote_signature", ({ quote, signature }) => ({
      quote: flipped(quote, place),
      signature,
    })),
  ),
  // Behind scheme, hash and the size of r.
  ...placesIn(32, 6).map((place) =>
    resignature(`byte ${place} of a quote's signature changed`, "quote_signature", (bytes) =>
      flipped(bytes, 6 + place),
    ),
  ),
  ...[2, 3].map((place) =>
    resignature(`byte ${place} of a quote's hash algorithm changed`, "signature_scheme", (bytes) =>
      flipped(bytes, place),
    ),
  ),
  ...placesIn(70, 8).map((length) =>
    resignature(`a quote's signature cut to ${length} bytes`, "signature_malformed", (bytes) =>
      bytes.subarray(0, length),
    ),
  ),
  resignature("a quote's signature with a byte too many", "signature_malformed", (bytes) =>
    longer(bytes),
  ),
];

const counts: readonly QuoteForgery[] = [
  recounted("no quotes", "quote_count", () => []),
  recounted("nine quotes", "quote_count", ([quote]) =>
    quote === undefined ? [] : Array.from({ length: 9 }, () => quote),
  ),
  recounted("the same quote twice", "quote_bank_repeated", ([, quote]) =>
    quote === undefined ? [] : [quote, quote],
  ),
  {
    name: "a quote of the SHA-1 bank alone",
    reason: "sha256_bank",
    forge: ({ quotes, pcrs, ...rest }) => ({
      ...rest,
      quotes: quotes.slice(0, 1),
      pcrs: pcrs.filter(({ digestAlg }) => digestAlg !== sha256Bank),
    }),
  },
  ...indexes.slice(0, 8).map(
    (left): QuoteForgery => ({
      name: `a SHA-256 quote that leaves out PCR ${left}`,
      reason: "sha256_bank",
      forge({ quotes, pcrs, ...rest }, { tpm, nonce }) {
        const selected = indexes.filter((index) => index !== left);
        const quote = tpm.quote(nonce, { hash: sha256, pcrs: selected });
        return {
          ...rest,
          quotes: [...quotes.slice(0, 1), quote],
          pcrs: pcrs.filter((pcr) => !isOf(left)(pcr)),
        };
      },
    }),
  ),
];

const values: readonly QuoteForgery[] = [
  ...indexes.map((index) =>
    revalued(`PCR ${index} changed`, "pcr_digest", (pcrs) =>
      pcrs.map((pcr) => (isOf(index)(pcr) ? { ...pcr, digest: flipped(pcr.digest, index) } : pcr)),
    ),
  ),
  ...indexes.map((index) =>
    revalued(`PCR ${index} left out`, "pcr_missing", (pcrs) =>
      pcrs.filter((pcr) => !isOf(index)(pcr)),
    ),
  ),
  revalued("a PCR of the SHA-1 bank changed", "pcr_digest", (pcrs) =>
    pcrs.map((pcr) => (isOf(7, 3n)(pcr) ? { ...pcr, digest: flipped(pcr.digest, 1) } : pcr)),
  ),
  revalued("the values of two PCRs exchanged", "pcr_digest", (pcrs) => {
    const [zero, seven] = [pcrs.find(isOf(0)), pcrs.find(isOf(7))];
    if (zero === undefined || seven === undefined) throw new TypeError("both are quoted");
    return pcrs.map((pcr) => {
      if (pcr === zero) return { ...pcr, digest: seven.digest };
      return pcr === seven ? { ...pcr, digest: zero.digest } : pcr;
    });
  }),
  revalued("no values", "pcr_missing", () => []),
  revalued("a PCR given twice", "pcr_repeated", (pcrs) => [...pcrs, ...pcrs.filter(isOf(7))]),
  revalued("a PCR given twice, with two values", "pcr_repeated", (pcrs) => [
    ...pcrs,
    ...pcrs.filter(isOf(7)).map((pcr) => ({ ...pcr, digest: flipped(pcr.digest, 3) })),
  ]),
  revalued("a value of a bank that no quote covers", "pcr_unquoted", (pcrs) => [
    ...pcrs,
    { index: 7, digestAlg: 6n, digest: new Uint8Array(48) },
  ]),
  {
    name: "a value that the quote of its bank leaves out",
    reason: "pcr_unquoted",
    forge({ quotes, ...rest }, { tpm, nonce }) {
      const quote = tpm.quote(nonce, { hash: sha256, pcrs: indexes.slice(0, 16) });
      return { ...rest, quotes: [...quotes.slice(0, 1), quote] };
    },
  },
  ...[24, -1, 2 ** 31 - 1].map((index) =>
    revalued(`a value of PCR ${index}`, "pcr_value", (pcrs) =>
      pcrs.map((pcr) => (isOf(23)(pcr) ? { ...pcr, index } : pcr)),
    ),
  ),
  ...[0n, 4n, 99n, 2n ** 63n].map((digestAlg) =>
    revalued(`a value of the bank ${digestAlg}`, "pcr_value", (pcrs) =>
      pcrs.map((pcr) => (isOf(23)(pcr) ? { ...pcr, digestAlg } : pcr)),
    ),
  ),
  ...[0, 20, 31, 33, 4096].map((length) =>
    revalued(`a value of ${length} bytes`, "pcr_value", (pcrs) =>
      pcrs.map((pcr) => (isOf(7)(pcr) ? { ...pcr, digest: new Uint8Array(length) } : pcr)),
    ),
  ),
  revalued("two hundred values", "pcr_count", ([pcr]) =>
    pcr === undefined ? [] : Array.from({ length: 200 }, () => pcr),
  ),
];

/** The forgeries. Honest evidence has a quote of the SHA-1 and one of the SHA-256 bank, by a P-256 key. */
export const quoteForgeries: readonly QuoteForgery[] = [
  ...contents,
  ...signatures,
  ...counts,
  ...values,
];
