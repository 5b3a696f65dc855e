import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Fault } from "#base/fault.ts";
import { loadTpmVector } from "../../test/support/tpm-vectors.ts";
import { checkAttestationKey, parseAttestationKey } from "./attestation-key.ts";
import { claimForm } from "./forms.ts";
import { verifyQuotes } from "./quote.ts";

const runs = 10_000;
const policy = { allowSha1: true };

/** A flipped bit, a cut, an extension, or an overwritten 16-bit field. */
type Mutation = readonly ["flip" | "cut" | "extend" | "overwrite", number, number];

const mutations: fc.Arbitrary<Mutation> = fc.tuple(
  fc.constantFrom("flip", "cut", "extend", "overwrite"),
  fc.nat(),
  fc.nat({ max: 0xffff }),
);

function mutate(bytes: Uint8Array, [kind, place, value]: Mutation): Uint8Array {
  const at = place % bytes.length;
  if (kind === "cut") return bytes.slice(0, at);
  if (kind === "extend") return Uint8Array.from([...bytes, ...new Uint8Array(1 + (value % 4))]);
  if (kind === "flip") return bytes.with(at, (bytes[at] ?? 0) ^ (1 << (value % 8)));
  const high = bytes.with(at, value >> 8);
  return at + 1 < high.length ? high.with(at + 1, value & 0xff) : high;
}

/** True when the bytes differ and the check refused them with a fault. */
function refuses(before: Uint8Array, after: Uint8Array, check: () => unknown): boolean {
  if (Buffer.compare(before, after) === 0) return true;
  try {
    check();
    return false;
  } catch (error) {
    assert.ok(error instanceof Fault, `threw ${error}`);
    return true;
  }
}

for (const name of ["p256-sha256", "rsa-two-banks"] as const) {
  const { parameters, evidence } = loadTpmVector(name);
  const fields = ["public", "createData", "createAttestation", "createSignature"] as const;

  test(`accepts none of ${runs} mutations of attestation parameters (${name})`, () => {
    fc.assert(
      fc.property(fc.constantFrom(...fields), mutations, (field, mutation) => {
        const after = mutate(parameters[field], mutation);
        const sent = { ...parameters, [field]: claimForm(after) };
        return refuses(parameters[field], after, () => checkAttestationKey(sent, policy));
      }),
      { numRuns: runs },
    );
  });

  test(`accepts none of ${runs} mutations of quotes (${name})`, () => {
    const key = parseAttestationKey(parameters.public, policy);
    const [first = assert.fail(), ...others] = evidence.quotes;
    fc.assert(
      fc.property(fc.constantFrom("quote", "signature"), mutations, (field, mutation) => {
        const after = mutate(first[field], mutation);
        const quotes = [{ ...first, [field]: claimForm(after) }, ...others];
        return refuses(first[field], after, () => verifyQuotes(key, { ...evidence, quotes }));
      }),
      { numRuns: runs },
    );
  });
}
