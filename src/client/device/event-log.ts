/** The firmware's log of what it measured at the start, from wherever the system of this TPM keeps it. */
import { eventLogFile, missingEventLog, readEventLog } from "./event-log-file.ts";
import type { TpmSelection } from "./tpm-selection.ts";

/** Whose log. */
export interface EventLogPlace {
  readonly tpm: TpmSelection;
  /** Event log to take instead of the machine's own, as for a virtual TPM, of which that says nothing. */
  readonly eventLogFile?: string | undefined;
}

/** Reads the log that belongs to a TPM. Throws `environment` that says why there is none. */
export async function readEventLogOf(
  { tpm, eventLogFile: given }: EventLogPlace,
  readFile?: (path: string) => Promise<Uint8Array>,
): Promise<Uint8Array> {
  if (given !== undefined) return readEventLog(given, readFile);
  switch (tpm.kind) {
    case "device":
      return readEventLog(eventLogFile, readFile);
    case "tbs": {
      const { readTbsEventLog } = await import("./windows/tbs-transport.ts");
      return readTbsEventLog();
    }
    case "unix":
    case "tcp":
      throw missingEventLog("a virtual TPM of a test has none");
  }
}
