/** KDFa and KDFe (TPM 2.0 Library Part 1 sections 11.4.10.2 and 11.4.10.3, NIST SP 800-108 and SP 800-56A). */
import { createHash, createHmac } from "node:crypto";
import { concat, utf8 } from "#base/bytes.ts";
import type { HashAlgorithm } from "./constants.ts";
import { TpmWriter } from "./wire.ts";

/** Derives `bits` bits from a seed by HMAC in counter mode. `label` without its terminating zero. */
export function deriveKeyA(
  hash: HashAlgorithm,
  seed: Uint8Array,
  label: string,
  contextU: Uint8Array,
  contextV: Uint8Array,
  bits: number,
): Uint8Array {
  return expand(hash, bits, (counter) => {
    const block = new TpmWriter().uint32(counter).raw(utf8(`${label}\0`));
    block.raw(contextU).raw(contextV).uint32(bits);
    return createHmac(hash.name, seed).update(block.done()).digest();
  });
}

/** Derives `bits` bits from a Diffie-Hellman secret and the x coordinates of both parties. */
export function deriveKeyE(
  hash: HashAlgorithm,
  secret: Uint8Array,
  label: string,
  ephemeralX: Uint8Array,
  staticX: Uint8Array,
  bits: number,
): Uint8Array {
  return expand(hash, bits, (counter) => {
    const block = new TpmWriter()
      .uint32(counter)
      .raw(secret)
      .raw(utf8(`${label}\0`));
    return createHash(hash.name).update(block.raw(ephemeralX).raw(staticX).done()).digest();
  });
}

function expand(
  hash: HashAlgorithm,
  bits: number,
  block: (counter: number) => Uint8Array,
): Uint8Array {
  const count = Math.ceil(bits / 8 / hash.size);
  const blocks = Array.from({ length: count }, (_, i) => block(i + 1));
  return concat(...blocks).slice(0, bits / 8);
}
