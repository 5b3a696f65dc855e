/** TPML_PCR_SELECTION (TPM 2.0 Library Part 2 sections 10.6.2 and 10.9.7): which PCRs of which banks. */
import { pcrCount } from "./constants.ts";
import { type Codec, layout, list, uint16 } from "./layout.ts";
import { malformed } from "./wire.ts";

/** PCRs of one bank, ascending. */
export interface PcrSelection {
  /** TPM_ALG_ID of the bank. */
  readonly hash: number;
  readonly pcrs: readonly number[];
}

const bitmap: Codec<readonly number[]> = {
  decode(from) {
    const length = from.uint8();
    if (length > 4) throw malformed(from, `selects PCRs with ${length} bytes`);
    const pcrs = from.take(length).reduce<number[]>((found, byte, at) => {
      for (let bit = 0; bit < 8; bit++) if (byte & (1 << bit)) found.push(at * 8 + bit);
      return found;
    }, []);
    if (pcrs.some((pcr) => pcr >= pcrCount)) throw malformed(from, "selects a PCR above 23");
    return pcrs;
  },
  encode(pcrs, to) {
    const bits = pcrs.reduce((sum, pcr) => sum | (1 << pcr), 0);
    to.uint8(3).raw(Uint8Array.of(bits, bits >>> 8, bits >>> 16));
  },
};

/** The codec; at most 16 banks. */
export const pcrSelections: Codec<readonly PcrSelection[]> = list(
  layout({ hash: uint16, pcrs: bitmap }),
  16,
);

/** PCRs 0 to 23 of one bank. */
export function allPcrs(hash: number): PcrSelection {
  return { hash, pcrs: Array.from({ length: pcrCount }, (_, pcr) => pcr) };
}
