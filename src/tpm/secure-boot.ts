/**
 * What PCR 7 says about Secure Boot (TCG PC Client Platform Firmware Profile section 3.3.4.8; UEFI 2.10 section 32).
 * Call only when the replay explains PCR 7.
 *
 * Event types are covered by no digest. Whoever runs a machine with Secure Boot off can extend PCR 7 with a second, better
 * boot, and log the events of the first as something harmless. So every event must have the content of the type that the
 * log gives it, with the digest that was measured, and what states how boot is secured counts wherever it stands.
 * Anything else is "unclear", never "on".
 */
import { hex, sameBytes } from "#base/bytes.ts";
import { isFault } from "#base/fault.ts";
import { eventType, type LogEvent, LogReader, measures } from "./event-log.ts";
import { refuse } from "./refusal.ts";

/** The state that the log shows. */
export type SecureBootState = "on" | "off" | "unclear";

const securePcr = 7;
const maxNameUnits = 1024n;
const maxDataBytes = 1n << 20n;

/** Namespaces of variables, as they stand in memory (UEFI 2.10 sections 3.3 and 32.4.1). */
const globalVariables = "61dfe48bca93d211aa0d00e098032b8c";
const imageSecurity = "cbb219d73a3d9645a3bcdad00e67656f";

/** The variables that state how boot is secured: each once, before the separator, and of this namespace. */
const stateVariables: ReadonlyMap<string, string> = new Map([
  ["SecureBoot", globalVariables],
  ["PK", globalVariables],
  ["KEK", globalVariables],
  ["db", imageSecurity],
  ["dbx", imageSecurity],
]);

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
        const { name, namespace, data } = readVariable(event.data);
        if (separators > 0 || variables.has(name) || !measures(event, event.data)) return "unclear";
        if ((stateVariables.get(name) ?? namespace) !== namespace) return "unclear";
        variables.set(name, data);
        break;
      }
      case eventType.variableAuthority: {
        // The key behind a signature: an entry of db, or of the shim's own lists.
        const { name, namespace } = readVariable(event.data);
        if (stateVariables.has(name) && namespace !== imageSecurity) return "unclear";
        // Some firmware measures the authority without its last byte.
        if (!measures(event, event.data) && !measures(event, event.data.subarray(0, -1)))
          return "unclear";
        authorities += 1;
        break;
      }
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
function readVariable(bytes: Uint8Array): { name: string; namespace: string; data: Uint8Array } {
  const from = new LogReader(bytes);
  const namespace = hex(from.take(16));
  const [nameUnits, dataBytes] = [from.uint64(), from.uint64()];
  if (nameUnits > maxNameUnits || dataBytes > maxDataBytes) throw refuse("event_log", "variable");
  const name = new TextDecoder("utf-16le").decode(from.take(Number(nameUnits) * 2));
  const data = from.take(Number(dataBytes));
  if (from.left > 0) throw refuse("event_log", "variable has bytes left over");
  return { name, namespace, data };
}
