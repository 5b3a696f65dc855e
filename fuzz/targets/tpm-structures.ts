/** TPM structures that a device sends: public areas, attestations, creation data, signatures. One encoding each. */
import assert from "node:assert/strict";
import { concat, sameBytes } from "#base/bytes.ts";
import { isFault } from "#base/fault.ts";
import { decodeAttest, decodeCreationData, encodeAttest, encodeCreationData } from "#tpm/attest.ts";
import { checkAttestationKey, parseAttestationKey } from "#tpm/attestation-key.ts";
import { claimForm } from "#tpm/forms.ts";
import { decodePublic, encodePublic } from "#tpm/public-area.ts";
import { assertSignature } from "#tpm/signature.ts";
import { loadTpmVector } from "../../test/support/tpm-vectors.ts";
import type { Target } from "../target.ts";

const vectors = [loadTpmVector("p256-sha256"), loadTpmVector("rsa-two-banks")];
const policy = { allowSha1: false };

/** The first byte chooses the structure and the vector that it belongs to. */
export const tpmStructures: Target = {
  name: "tpm-structures",
  maxLength: 8192,
  dictionary: [Uint8Array.of(0xff, 0x54, 0x43, 0x47, 0x80, 0x18), Uint8Array.of(0, 0x0b, 3, 0xff)],
  open: () => ({
    seeds: vectors.flatMap(({ parameters, evidence }, index) => {
      const [first] = evidence.quotes;
      const parts = [
        parameters.public,
        first?.quote ?? new Uint8Array(),
        parameters.createAttestation,
        parameters.createData,
        parameters.createSignature,
      ];
      return parts.map((part, kind) => concat(Uint8Array.of(kind * 2 + index), part));
    }),
    run(input) {
      const choice = (input[0] ?? 0) % 10;
      const vector = vectors[choice % 2];
      assert.ok(vector);
      return judge(choice >> 1, input.subarray(1), vector);
    },
  }),
};

function judge(kind: number, body: Uint8Array, vector: (typeof vectors)[number]): string {
  const { parameters } = vector;
  switch (kind) {
    case 0: {
      const area = decodePublic(claimForm(body));
      assert.ok(sameBytes(encodePublic(area), body), "a public area has two encodings");
      const passed = passes(() =>
        checkAttestationKey({ ...parameters, public: claimForm(body) }, policy),
      );
      assert.ok(!passed || sameBytes(body, parameters.public), "a forged key passes");
      return `public ${area.kind} ${passed}`;
    }
    case 1: {
      const quote = decodeAttest(claimForm(body), "quote");
      assert.ok(sameBytes(encodeAttest(quote), body), "an attestation has two encodings");
      return `quote ${quote.selections.length}`;
    }
    case 2: {
      const creation = decodeAttest(claimForm(body), "creation");
      assert.ok(sameBytes(encodeAttest(creation), body), "an attestation has two encodings");
      const sent = {
        ...parameters,
        createAttestation: claimForm<typeof parameters.createAttestation>(body),
      };
      const passed = passes(() => checkAttestationKey(sent, policy));
      assert.ok(!passed || sameBytes(body, parameters.createAttestation), "a forgery passes");
      return `creation ${passed}`;
    }
    case 3: {
      const data = decodeCreationData(claimForm(body));
      assert.ok(sameBytes(encodeCreationData(data), body), "creation data has two encodings");
      return "creation data";
    }
    default: {
      const key = parseAttestationKey(parameters.public, policy);
      assertSignature(key, "creation", parameters.createAttestation, claimForm(body));
      return "signature";
    }
  }
}

function passes(check: () => unknown): boolean {
  try {
    check();
    return true;
  } catch (error) {
    if (!isFault(error)) throw error;
    return false;
  }
}
