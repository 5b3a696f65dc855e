/** What a TPM offers (TPM 2.0 Library Part 3 section 30.2), and its start (section 9.3). */
import { Fault } from "#base/fault.ts";
import { list, uint32 } from "../layout.ts";
import { type PcrSelection, pcrSelections } from "../pcr-selection.ts";
import { type TpmReader, TpmWriter } from "../wire.ts";
import { type Command, command } from "./command.ts";

/** TPM_CAP (Part 2 section 6.12). */
const capability = { handles: 1, pcrs: 5 } as const;
const maxHandles = 256;

/** TPM2_Startup(CLEAR). Only for a TPM without an operating system in front of it. */
export function startUp(): Command<void> {
  return command({
    name: "TPM2_Startup",
    code: 0x144,
    parameters: new TpmWriter().uint16(0).done(),
    read() {},
  });
}

/** The PCR banks, with the PCRs that each of them holds; an inactive bank holds none. */
export function readPcrBanks(): Command<readonly PcrSelection[]> {
  return getCapability(capability.pcrs, 0, 1, (from) => pcrSelections.decode(from));
}

/** The handles in use from `first` upwards, in the range that its first byte names. */
export function readHandles(first: number): Command<readonly number[]> {
  const handles = list(uint32, maxHandles);
  return getCapability(capability.handles, first, maxHandles, (from) => handles.decode(from));
}

function getCapability<Result>(
  kind: number,
  property: number,
  count: number,
  read: (from: TpmReader) => Result,
): Command<Result> {
  return command({
    name: "TPM2_GetCapability",
    code: 0x17a,
    parameters: new TpmWriter().uint32(kind).uint32(property).uint32(count).done(),
    read(from) {
      from.uint8(); // more data
      if (from.uint32() !== kind) throw new Fault("malformed", "the TPM answered another question");
      return read(from);
    },
  });
}
