/** The check of the firmware's event log: it can be read and understood, and leads to what the TPM measured. */
import { Fault, isFault } from "#base/fault.ts";
import { type LogEvent, parseEventLog } from "#tpm/event-log.ts";
import { findUnexplainedPcrs } from "#tpm/event-log-replay.ts";
import type { PcrValue } from "#tpm/quote.ts";
import { type EventLogPlace, readEventLogOf } from "../device/event-log.ts";
import { isMissingEventLog } from "../device/event-log-file.ts";
import { type CheckResult, check } from "./check.ts";

/** Those of firmware and boot loader. Systems go on extending others, and write no log of that. */
const firmwarePcrs = 8;

/** Compares the log with the TPM's values of one bank; without values it is only read. */
export function checkEventLog(
  place: EventLogPlace,
  pcrs: readonly PcrValue[],
  readLog?: (path: string) => Promise<Uint8Array>,
): Promise<CheckResult> {
  return check("event log", async () => {
    let log: Uint8Array;
    try {
      log = await readEventLogOf(place, readLog);
    } catch (error) {
      if (!isMissingEventLog(error)) throw error;
      return { skipped: error.message, hint: error.hint };
    }
    const events = parse(log);
    const size = `${log.length} bytes, ${events.length} events`;
    if (pcrs.length === 0) return { ok: size };
    const unexplained = findUnexplainedPcrs(events, pcrs).filter((pcr) => pcr < firmwarePcrs);
    if (unexplained.length === 0) return { ok: `${size}, which lead to PCR 0 to 7` };
    const list = unexplained.join(", ");
    throw new Fault(
      "environment",
      `the event log does not lead to what the TPM measured: PCR ${list}`,
      {
        hint: "restart the machine; if it stays, update its firmware. A cluster that demands measured boots refuses this device",
      },
    );
  });
}

function parse(log: Uint8Array): readonly LogEvent[] {
  try {
    return parseEventLog(log);
  } catch (cause) {
    if (!isFault(cause)) throw cause;
    throw new Fault("environment", `the event log cannot be understood (${log.length} bytes)`, {
      hint: "update the firmware of this machine; a cluster that demands measured boots refuses it until then",
      cause,
    });
  }
}
