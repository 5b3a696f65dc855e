/** The platform evidence of a device (quotes, PCR values, log): only what the TPM signed may pass. */
import assert from "node:assert/strict";
import { concat, sameBytes } from "#base/bytes.ts";
import { isFault } from "#base/fault.ts";
import type { PlatformParameters } from "#devicetrust/messages.ts";
import { verifyPlatform } from "#devicetrust/platform.ts";
import { parseAttestationKey } from "#tpm/attestation-key.ts";
import { algorithm } from "#tpm/constants.ts";
import { bootEvents, encodeEventLog } from "../../test/support/event-log.ts";
import { loadTpmVector } from "../../test/support/tpm-vectors.ts";
import type { Target } from "../target.ts";

const vector = loadTpmVector("rsa-two-banks");
const key = parseAttestationKey(vector.parameters.public, { allowSha1: false });

/** The input: how many quotes, then fields after 16-bit lengths; three per PCR value. */
export const platformEvidence: Target = {
  name: "platform-evidence",
  maxLength: 40_000,
  open() {
    const genuine = encode({
      quotes: vector.evidence.quotes,
      pcrs: vector.evidence.pcrs.map(({ index, hash, digest }) => {
        return { index, digest, digestAlg: hash === algorithm.sha256 ? 5n : 3n };
      }),
      eventLog: encodeEventLog(bootEvents(true)),
    });
    const original = decode(genuine);
    verifyPlatform(key, original, vector.evidence.nonce);
    return {
      seeds: [genuine],
      run(input) {
        const sent = decode(input);
        const report = verifyPlatform(key, sent, vector.evidence.nonce);
        assert.equal(report.pcrs.length, original.pcrs.length, "values were left out");
        for (const { index, hash, digest } of report.pcrs) {
          const genuine = vector.evidence.pcrs.find(
            (pcr) => pcr.index === index && pcr.hash === hash,
          );
          assert.ok(genuine && sameBytes(genuine.digest, digest), "a forged value passes");
        }
        assertReplayFails(sent);
        return report.eventLog.verdict;
      },
    };
  },
};

function assertReplayFails(sent: PlatformParameters): void {
  assert.throws(
    () => verifyPlatform(key, sent, new Uint8Array(32)),
    (error) => isFault(error, "unproven"),
  );
}

function encode({ quotes, pcrs, eventLog }: PlatformParameters): Uint8Array {
  const fields = [
    ...quotes.flatMap(({ quote, signature }) => [quote, signature]),
    eventLog,
    ...pcrs.flatMap(({ index, digest, digestAlg }) => {
      return [Uint8Array.of(index), digest, Uint8Array.of(Number(digestAlg))];
    }),
  ];
  const sized = fields.map((field) =>
    concat(Uint8Array.of(field.length >>> 8, field.length), field),
  );
  return concat(Uint8Array.of(quotes.length), ...sized);
}

function decode(input: Uint8Array): PlatformParameters {
  const fields: Uint8Array[] = [];
  for (let at = 1; at + 2 <= input.length && fields.length < 2000; ) {
    const length = ((input[at] ?? 0) << 8) | (input[at + 1] ?? 0);
    fields.push(input.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
  const take = () => fields.shift() ?? new Uint8Array();
  const count = (input[0] ?? 0) % 20;
  const quotes = Array.from({ length: count }, () => ({ quote: take(), signature: take() }));
  const eventLog = take();
  const pcrs: PlatformParameters["pcrs"][number][] = [];
  while (fields.length > 0) {
    const [index = 0] = take();
    const digest = take();
    const [digestAlg = 0] = take();
    pcrs.push({ index, digest, digestAlg: BigInt(digestAlg) });
  }
  return { quotes, pcrs, eventLog };
}
