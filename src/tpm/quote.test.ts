import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { assertRefused } from "../../test/support/refusals.ts";
import { SimulatedTpm, withoutMagic } from "../../test/support/simulated-tpm.ts";
import { loadTpmVector } from "../../test/support/tpm-vectors.ts";
import type { Attest } from "./attest.ts";
import { parseAttestationKey } from "./attestation-key.ts";
import { algorithm } from "./constants.ts";
import { claimForm, type SignatureBytes } from "./forms.ts";
import { allPcrs } from "./pcr-selection.ts";
import { type QuoteEvidence, verifyQuotes } from "./quote.ts";

const strict = { allowSha1: false };
const rsa = loadTpmVector("rsa-two-banks");
const p256 = loadTpmVector("p256-sha256");
const keyOf = (vector: typeof rsa) => parseAttestationKey(vector.parameters.public, strict);
const { sha1, sha256 } = algorithm;

function refusesReal(reason: string, change: (evidence: QuoteEvidence) => Partial<QuoteEvidence>) {
  const evidence = { ...rsa.evidence, ...change(rsa.evidence) };
  assertRefused(reason, () => verifyQuotes(keyOf(rsa), evidence));
}

test("accepts the quotes of a TPM over two banks, in the order of the official client", () => {
  const { pcrs, clock } = verifyQuotes(keyOf(rsa), rsa.evidence);
  assert.deepEqual(
    rsa.evidence.quotes.map(({ quote, signature }) => [quote.length, signature.length]),
    [
      [145, 262],
      [145, 262],
    ],
  );
  assert.equal(pcrs.length, 48);
  assert.equal(clock.safe, true);
});

test("accepts PCR values in any order", () => {
  const pcrs = rsa.evidence.pcrs.toReversed();
  assert.equal(verifyQuotes(keyOf(rsa), { ...rsa.evidence, pcrs }).pcrs.length, 48);
});

test("accepts r and s without their leading zeros", () => {
  const tpm = new SimulatedTpm();
  const key = parseAttestationKey(tpm.public, strict);
  for (;;) {
    const evidence = tpm.evidence(crypto.getRandomValues(new Uint8Array(32)));
    const [quote] = evidence.quotes;
    if (quote === undefined) return assert.fail();
    const { signature } = quote;
    if (signature[6] !== 0) continue;
    // u16 scheme, u16 hash, u16 32, r with a leading zero, u16 32, s
    const short = [...signature.slice(0, 4), 0, 31, ...signature.slice(7)];
    const trimmed = { ...quote, signature: claimForm<SignatureBytes>(Uint8Array.from(short)) };
    assert.ok(verifyQuotes(key, { ...evidence, quotes: [trimmed] }));
    return;
  }
});

test("refuses a replayed quote: the nonce is another", () => {
  refusesReal("quote_nonce", () => ({ nonce: new Uint8Array(32) }));
});

test("refuses a nonce that is a prefix of the quoted one", () => {
  refusesReal("quote_nonce", ({ nonce }) => ({ nonce: nonce.slice(0, 31) }));
});

test("refuses to check against a nonce too short to be one", () => {
  const tpm = new SimulatedTpm();
  const key = parseAttestationKey(tpm.public, strict);
  assertRefused("quote_nonce", () => verifyQuotes(key, tpm.evidence(new Uint8Array(8))));
});

test("refuses a quote with one flipped bit", () => {
  refusesReal("quote_signature", ({ quotes }) => ({
    quotes: quotes.map(({ quote, signature }, i) => {
      const flipped = quote.with(quote.length - 1, (quote.at(-1) ?? 0) ^ 1);
      return { quote: i === 1 ? claimForm(flipped) : quote, signature };
    }),
  }));
});

test("refuses a changed PCR value", () => {
  refusesReal("pcr_digest", ({ pcrs }) => ({
    pcrs: pcrs.map((pcr) =>
      pcr.index === 7 ? { ...pcr, digest: pcr.digest.map((b) => b ^ 1) } : pcr,
    ),
  }));
});

test("refuses swapped PCR values", () => {
  const swap = new Map([
    [0, 17],
    [17, 0],
  ]);
  refusesReal("pcr_digest", ({ pcrs }) => ({
    pcrs: pcrs.map((pcr) => ({ ...pcr, index: swap.get(pcr.index) ?? pcr.index })),
  }));
});

test("refuses an omitted PCR value", () => {
  refusesReal("pcr_missing", ({ pcrs }) => ({ pcrs: pcrs.filter(({ index }) => index !== 7) }));
});

test("refuses a repeated PCR value", () => {
  refusesReal("pcr_repeated", ({ pcrs }) => ({ pcrs: [...pcrs, ...pcrs.slice(0, 1)] }));
});

test("refuses PCR values of a bank that no quote covers", () => {
  refusesReal("pcr_unquoted", ({ quotes }) => ({ quotes: quotes.slice(1) }));
});

test("refuses a PCR value outside of its quote's selection", () => {
  const tpm = new SimulatedTpm();
  const nonce = new Uint8Array(32).fill(1);
  const selection = { hash: sha256, pcrs: [0, 1, 2, 3, 4, 5, 6, 7] };
  const { pcrs } = tpm.evidence(nonce);
  const key = parseAttestationKey(tpm.public, strict);
  const quotes = [tpm.quote(nonce, selection)];
  assertRefused("pcr_unquoted", () => verifyQuotes(key, { nonce, quotes, pcrs }));
  assert.ok(verifyQuotes(key, { nonce, quotes, pcrs: pcrs.slice(0, 8) }));
});

test("refuses impossible PCR values", () => {
  for (const change of [
    { index: 24 },
    { index: -1 },
    { index: 0.5 },
    { hash: 0 },
    { hash: sha1 },
  ]) {
    refusesReal("pcr_value", ({ pcrs }) => ({
      pcrs: pcrs.map((pcr, i) => (i === 30 ? { ...pcr, ...change } : pcr)),
    }));
  }
});

test("refuses no quote, and more quotes than banks can be", () => {
  refusesReal("quote_count", () => ({ quotes: [] }));
  refusesReal("quote_count", ({ quotes }) => ({ quotes: Array(9).fill(quotes[0]) }));
});

test("refuses more PCR values than banks can hold before anything else", () => {
  refusesReal("pcr_count", ({ pcrs }) => ({ pcrs: Array(1000).fill(pcrs[0]) }));
});

test("refuses two quotes over one bank", () => {
  refusesReal("quote_bank_repeated", ({ quotes, pcrs }) => ({
    quotes: [...quotes, ...quotes.slice(1)],
    pcrs,
  }));
});

test("refuses bytes behind a signature", () => {
  refusesReal("signature_malformed", ({ quotes }) => ({
    quotes: quotes.map(({ quote, signature }) => ({
      quote,
      signature: claimForm(Uint8Array.from([...signature, 0])),
    })),
  }));
});

test("refuses the quotes of another TPM's key", () => {
  assertRefused("signature_scheme", () => verifyQuotes(keyOf(p256), rsa.evidence));
  const other = parseAttestationKey(new SimulatedTpm().public, strict);
  assertRefused("quote_signature", () => verifyQuotes(other, p256.evidence));
});

test("refuses the creation attestation in the place of a quote", () => {
  const { createAttestation: quote, createSignature: signature } = rsa.parameters;
  refusesReal("attest_type", () => ({ quotes: [{ quote, signature }] }));
});

/** Evidence by a key that signs forgeries, to reach the checks behind the signature. */
function refusesForged(reason: string, change: (attest: Attest) => Attest, pcrs = allPcrs(sha256)) {
  const tpm = new SimulatedTpm();
  const nonce = new Uint8Array(32).fill(1);
  const evidence = { ...tpm.evidence(nonce), quotes: [tpm.quote(nonce, pcrs, change)] };
  const key = parseAttestationKey(tpm.public, strict);
  assertRefused(reason, () => verifyQuotes(key, evidence));
}

test("refuses a quote over no PCR and one over no bank", () => {
  refusesForged("quote_selection", (it) => it, { hash: sha256, pcrs: [] });
  refusesForged("quote_selection", (it) => ({ ...it, selections: [] }));
});

test("refuses one quote over two banks", () => {
  const selections = [allPcrs(sha1), allPcrs(sha256)];
  refusesForged("quote_selection", (it) => ({ ...it, selections }));
});

test("refuses a signed quote without the TPM's magic", () => {
  const tpm = new SimulatedTpm();
  const evidence = tpm.evidence(new Uint8Array(32).fill(1));
  const quotes = evidence.quotes.map((sent) => {
    const quote = withoutMagic(sent.quote);
    return { quote, signature: tpm.sign(quote) };
  });
  const key = parseAttestationKey(tpm.public, strict);
  assertRefused("attest_magic", () => verifyQuotes(key, { ...evidence, quotes }));
});

test("refuses a TPM that quotes its SHA-1 bank only", () => {
  const tpm = new SimulatedTpm();
  const evidence = tpm.evidence(new Uint8Array(32).fill(1), [sha1]);
  const key = parseAttestationKey(tpm.public, strict);
  assertRefused("sha256_bank", () => verifyQuotes(key, evidence));
});

test("refuses a SHA-256 quote that leaves out a firmware PCR", () => {
  const tpm = new SimulatedTpm();
  const nonce = new Uint8Array(32).fill(1);
  const pcrs = [0, 1, 2, 3, 4, 5, 6];
  const evidence = {
    nonce,
    quotes: [tpm.quote(nonce, { hash: sha256, pcrs })],
    pcrs: tpm.evidence(nonce).pcrs.slice(0, 7),
  };
  const key = parseAttestationKey(tpm.public, strict);
  assertRefused("sha256_bank", () => verifyQuotes(key, evidence));
});

test("hashes PCR values with the hash of the signing scheme, whatever the bank", () => {
  const [sha1Quote] = rsa.evidence.quotes;
  const digest = createHash("sha256");
  for (const pcr of rsa.evidence.pcrs.slice(0, 24)) digest.update(pcr.digest);
  assert.deepEqual(sha1Quote?.quote.slice(-32), new Uint8Array(digest.digest()));
});
