/** The firmware's log of what it measured at the start, from wherever the system of this TPM keeps it. */
import { eventLogFile, missingEventLog, readEventLog } from "./event-log-file.ts";
import type { TpmSelection } from "./tpm-selection.ts";

/** Reads the log that belongs to a TPM. Throws `environment` that says why there is none. */
export async function readEventLogOf(
  tpm: TpmSelection,
  readFile?: (path: string) => Promise<Uint8Array>,
): Promise<Uint8Array> {
  switch (tpm.kind) {
    case "device":
      return readEventLog(eventLogFile, readFile);
    case "tbs": {
      const { readTbsEventLog } = await import("./windows/tbs-transport.ts");
      return readTbsEventLog();
    }
    case "unix":
    case "tcp":
      // The log of this machine says nothing about a virtual TPM.
      throw missingEventLog("a virtual TPM of a test has none");
  }
}
