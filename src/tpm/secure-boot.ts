/**
 * What PCR 7 says about Secure Boot (TCG PC Client Platform Firmware Profile section 3.3.4.8; UEFI 2.10 section 32).
 * Call only when the replay explains PCR 7. Event types are not covered by digests, so every event must be of a known
 * type with data that hashes to its digest; anything else is "unclear", never "on".
 */
import { sameBytes } from "#base/bytes.ts";
import { isFault } from "#base/fault.ts";
import { eventType, type LogEvent, LogReader, measures } from "./event-log.ts";
import { refuse } from "./refusal.ts";

/** The state that the log shows. */
export type SecureBootState = "on" | "off" | "unclear";

const securePcr = 7;
const maxNameUnits = 1024n;
const maxDataBytes = 1n << 20n;

/** Reads the state from events that the replay has explained. */
export function readSecureBoot(events: readonly LogEvent[]): SecureBootState {
  try {
    return readState(
      events.filter(({ pcr, type }) => pcr === securePcr && type !== eventType.noAction),
    );
  } catch (error) {
    if (isFault(error)) return "unclear";
    throw error;
  }
}

function readState(events: readonly LogEvent[]): SecureBootState {
  const variables = new Map<string, Uint8Array>();
  let separators = 0;
  let authorities = 0;
  for (const event of events) {
    switch (event.type) {
      case eventType.separator:
        separators += 1;
        if (!sameBytes(event.data, new Uint8Array(4)) || !measures(event, event.data))
          return "unclear";
        break;
      case eventType.variableDriverConfig: {
        const { name, data } = readVariable(event.data);
        if (separators > 0 || variables.has(name) || !measures(event, event.data)) return "unclear";
        variables.set(name, data);
        break;
      }
      case eventType.variableAuthority:
        // Some firmware measures the authority without its last byte.
        if (!measures(event, event.data) && !measures(event, event.data.subarray(0, -1)))
          return "unclear";
        authorities += 1;
        break;
      default:
        // Among others EV_EFI_ACTION "UEFI Debug Mode".
        return "unclear";
    }
  }
  const flag = variables.get("SecureBoot");
  if (flag === undefined || flag.length > 1 || separators !== 1) return "unclear";
  if (flag[0] !== 1) return "off";
  const keys = ["PK", "KEK", "db"].every((name) => (variables.get(name)?.length ?? 0) > 0);
  return keys && authorities > 0 ? "on" : "unclear";
}

/** UEFI_VARIABLE_DATA (firmware profile section 10.2.6). */
function readVariable(bytes: Uint8Array): { name: string; data: Uint8Array } {
  const from = new LogReader(bytes);
  from.take(16); // vendor GUID
  const [nameUnits, dataBytes] = [from.uint64(), from.uint64()];
  if (nameUnits > maxNameUnits || dataBytes > maxDataBytes) throw refuse("event_log", "variable");
  const name = new TextDecoder("utf-16le").decode(from.take(Number(nameUnits) * 2));
  const data = from.take(Number(dataBytes));
  if (from.left > 0) throw refuse("event_log", "variable has bytes left over");
  return { name, data };
}
