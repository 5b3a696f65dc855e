/** Reading PCRs (TPM 2.0 Library Part 3 section 22.4). */
import { encodeWhole, layout, list, sized, uint32 } from "../layout.ts";
import { type PcrSelection, pcrSelections } from "../pcr-selection.ts";
import { type Command, command } from "./command.ts";

const answer = layout({
  /** Changes whenever a PCR does. */
  updateCounter: uint32,
  selections: pcrSelections,
  digests: list(sized(64), 8),
});

/** PCRs of one bank as one command answers them: at most eight digests, the first of the selection. */
export interface PcrReading {
  readonly updateCounter: number;
  readonly values: ReadonlyMap<number, Uint8Array>;
}

/** TPM2_PCR_Read. Call again for what is missing in the answer. */
export function readPcrs(selection: PcrSelection): Command<PcrReading> {
  return command({
    name: "TPM2_PCR_Read",
    code: 0x17e,
    parameters: encodeWhole(pcrSelections, [selection]),
    read(from) {
      const { updateCounter, selections, digests } = answer.decode(from);
      const pcrs = selections.flatMap(({ pcrs: selected }) => selected);
      const values = new Map(
        pcrs.slice(0, digests.length).map((pcr, i) => [pcr, digests[i] ?? empty]),
      );
      return { updateCounter, values };
    },
  });
}

const empty = new Uint8Array(0);
