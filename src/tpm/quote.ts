/**
 * Verification of TPM quotes over PCR values (spec rules 10 and 11; TPM 2.0 Library Part 3 section 18.4).
 * The attestation key must be the stored one. Nothing here judges the PCR values themselves.
 */
import { hash } from "node:crypto";
import { concat, sameBytes } from "#base/bytes.ts";
import { type AttestedClock, type AttestOf, decodeAttest } from "./attest.ts";
import type { AttestationKey } from "./attestation-key.ts";
import { algorithm, findHash, pcrCount } from "./constants.ts";
import type { AttestBytes, SignatureBytes } from "./forms.ts";
import { assertChecks, type Check, type EvidenceReason, refuse } from "./refusal.ts";
import { assertSignature } from "./signature.ts";

/** A quote as the client sends it. */
export interface Quote {
  readonly quote: AttestBytes;
  readonly signature: SignatureBytes;
}

/** One PCR value. */
export interface PcrValue {
  readonly index: number;
  /** TPM_ALG_ID of the bank. */
  readonly hash: number;
  readonly digest: Uint8Array;
}

/** The evidence of one ceremony step. */
export interface QuoteEvidence {
  readonly quotes: readonly Quote[];
  readonly pcrs: readonly PcrValue[];
  /** What the quotes must carry: the nonce of this challenge. */
  readonly nonce: Uint8Array;
}

/** What the quotes prove. */
export interface VerifiedQuotes {
  /** Every value, all covered by a quote. */
  readonly pcrs: readonly PcrValue[];
  /** Clock and counters of the first quote. */
  readonly clock: AttestedClock;
}

/** A TPM has at most four banks that this product knows. */
const maxQuotes = 8;
/** PCRs that the SHA-256 quote must cover: firmware, boot loader and Secure Boot state. */
const requiredPcrs = [0, 1, 2, 3, 4, 5, 6, 7];
const minNonceBytes = 16;

const checkQuoteCount: Check<QuoteEvidence> = ({ quotes }) =>
  quotes.length >= 1 && quotes.length <= maxQuotes ? undefined : "quote_count";

const checkPcrCount: Check<QuoteEvidence> = ({ pcrs }) =>
  pcrs.length <= maxQuotes * pcrCount ? undefined : "pcr_count";

const checkPcrValues: Check<QuoteEvidence> = ({ pcrs }) =>
  pcrs.every(isPossiblePcr) ? undefined : "pcr_value";

const checkPcrRepeated: Check<QuoteEvidence> = ({ pcrs }) =>
  new Set(pcrs.map(pcrKey)).size === pcrs.length ? undefined : "pcr_repeated";

/** Cheap limits first: 20 KB of evidence must not buy seconds of work. */
const limits = [checkQuoteCount, checkPcrCount, checkPcrValues, checkPcrRepeated];

interface OneQuote {
  readonly key: AttestationKey;
  readonly quote: AttestOf<"quote">;
  readonly evidence: QuoteEvidence;
}

const checkNonce: Check<OneQuote> = ({ quote, evidence: { nonce } }) =>
  nonce.length >= minNonceBytes && sameBytes(quote.extraData, nonce) ? undefined : "quote_nonce";

const checkSelection: Check<OneQuote> = ({ quote: { selections } }) =>
  selections.length === 1 && (selections[0]?.pcrs.length ?? 0) > 0 ? undefined : "quote_selection";

const checkEverySelectedPcrHasValue: Check<OneQuote> = ({ quote, evidence }) => {
  const selection = selectionOf(quote);
  const given = new Set(valuesOfBank(evidence, selection.hash).map((pcr) => pcr.index));
  return selection.pcrs.every((pcr) => given.has(pcr)) ? undefined : "pcr_missing";
};

const checkEveryValueIsSelected: Check<OneQuote> = ({ quote, evidence }) => {
  const selection = selectionOf(quote);
  const values = valuesOfBank(evidence, selection.hash);
  return values.every((pcr) => selection.pcrs.includes(pcr.index)) ? undefined : "pcr_unquoted";
};

/** The digest uses the hash of the signing scheme, not that of the bank. */
const checkPcrDigest: Check<OneQuote> = ({ key, quote, evidence }) => {
  const values = valuesOfBank(evidence, selectionOf(quote).hash).map((pcr) => pcr.digest);
  const digest = hash(key.hash.name, concat(...values), "buffer");
  return sameBytes(quote.pcrDigest, digest) ? undefined : "pcr_digest";
};

const perQuote = [
  checkNonce,
  checkSelection,
  checkEverySelectedPcrHasValue,
  checkEveryValueIsSelected,
  checkPcrDigest,
];

interface AllQuotes {
  readonly quotes: readonly AttestOf<"quote">[];
  readonly evidence: QuoteEvidence;
}

const checkBanksDiffer: Check<AllQuotes> = ({ quotes }) =>
  new Set(quotes.map((quote) => selectionOf(quote).hash)).size === quotes.length
    ? undefined
    : "quote_bank_repeated";

const checkEveryBankIsQuoted: Check<AllQuotes> = ({ quotes, evidence }) => {
  const banks = new Set(quotes.map((quote) => selectionOf(quote).hash));
  return evidence.pcrs.every((pcr) => banks.has(pcr.hash)) ? undefined : "pcr_unquoted";
};

const checkSha256Bank: Check<AllQuotes> = ({ quotes }): EvidenceReason | undefined => {
  const selection = quotes.map(selectionOf).find(({ hash }) => hash === algorithm.sha256);
  return requiredPcrs.every((pcr) => selection?.pcrs.includes(pcr)) ? undefined : "sha256_bank";
};

const together = [checkBanksDiffer, checkEveryBankIsQuoted, checkSha256Bank];

/** Verifies every quote and that together they cover every PCR value. Any failure refuses all of the evidence. */
export function verifyQuotes(key: AttestationKey, evidence: QuoteEvidence): VerifiedQuotes {
  assertChecks(evidence, limits);
  const quotes = evidence.quotes.map((sent) => {
    assertSignature(key, "quote", sent.quote, sent.signature);
    const quote = decodeAttest(sent.quote, "quote");
    assertChecks({ key, quote, evidence }, perQuote);
    return quote;
  });
  assertChecks({ quotes, evidence }, together);
  const [first] = quotes;
  if (first === undefined) throw refuse("quote_count");
  return { pcrs: evidence.pcrs, clock: clockOf(first) };
}

function clockOf(quote: AttestOf<"quote">): AttestedClock {
  const { qualifiedSigner, clock, resetCount, restartCount, safe, firmwareVersion } = quote;
  return { qualifiedSigner, clock, resetCount, restartCount, safe, firmwareVersion };
}

function selectionOf(quote: AttestOf<"quote">): { hash: number; pcrs: readonly number[] } {
  return quote.selections[0] ?? { hash: algorithm.none, pcrs: [] };
}

function valuesOfBank({ pcrs }: QuoteEvidence, hash: number): PcrValue[] {
  return pcrs.filter((pcr) => pcr.hash === hash).sort((a, b) => a.index - b.index);
}

function isPossiblePcr({ index, hash, digest }: PcrValue): boolean {
  const inRange = Number.isInteger(index) && index >= 0 && index < pcrCount;
  return inRange && findHash(hash)?.size === digest.length;
}

function pcrKey({ index, hash }: PcrValue): string {
  return `${hash}:${index}`;
}
