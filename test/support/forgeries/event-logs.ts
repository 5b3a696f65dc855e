/** Forged event logs, under a rule that demands one and Secure Boot. The forger runs the machine but not its firmware. */
import { utf8 } from "#base/bytes.ts";
import type { BootReason } from "#devicetrust/measured-boot.ts";
import type { PlatformParameters } from "#devicetrust/messages.ts";
import { bootEvents, encodeEventLog, type TestEvent, uefiVariable } from "../event-log.ts";
import { type Forgery, flipped, placesIn } from "./forgery.ts";

/** What the firmware of the forger's machine measured. */
export const honestBoot: readonly TestEvent[] = bootEvents(true);

type LogForgery = Forgery<PlatformParameters>;

function log(
  name: string,
  reason: BootReason,
  change: (honest: Uint8Array) => Uint8Array,
): LogForgery {
  return {
    name,
    reason,
    forge: (honest) => ({ ...honest, eventLog: change(honest.eventLog) }),
  };
}

function events(name: string, reason: BootReason, forged: readonly TestEvent[]): LogForgery {
  return log(name, reason, () => encodeEventLog(forged));
}

const inPcr7 = honestBoot.flatMap(({ pcr }, i) => (pcr === 7 ? [i] : []));
const header = 69;
const firstEvent = 4 + 4 + 4;

/** The forgeries. */
export const eventLogForgeries: readonly LogForgery[] = [
  log("no event log", "event_log_absent", () => new Uint8Array(0)),
  ...placesIn(header - 1, 6).map((length) =>
    log(`a log cut within its header, to ${length + 1} bytes`, "event_log_unreadable", (bytes) =>
      bytes.subarray(0, length + 1),
    ),
  ),
  ...[1, 5, 20, 60].map((count) =>
    log(`a log without its last ${count} bytes`, "event_log_unreadable", (bytes) =>
      bytes.subarray(0, -count),
    ),
  ),
  log("a log with a byte too many", "event_log_unreadable", (bytes) => Uint8Array.of(...bytes, 0)),
  log("a log of another version", "event_log_unreadable", (bytes) => flipped(bytes, 53)),
  log("a log without algorithms", "event_log_unreadable", (bytes) => bytes.with(56, 0)),
  log("a log of an impossible PCR", "event_log_unreadable", (bytes) => bytes.with(header, 24)),
  log("a log of twenty thousand events", "event_log_unreadable", () => new Uint8Array(20_000 * 32)),
  log("the header of a log alone", "event_log_unexplained", (bytes) => bytes.subarray(0, header)),
  ...honestBoot.map((_, left) =>
    events(`a log without event ${left}`, "event_log_unexplained", honestBoot.toSpliced(left, 1)),
  ),
  ...honestBoot.map((event, twice) =>
    events(
      `a log with event ${twice} twice`,
      "event_log_unexplained",
      honestBoot.toSpliced(twice, 0, event),
    ),
  ),
  ...honestBoot.map((event, changed) =>
    events(
      `a log with another digest of event ${changed}`,
      "event_log_unexplained",
      honestBoot.with(changed, { ...event, measured: utf8("something else") }),
    ),
  ),
  events("a log in another order", "event_log_unexplained", honestBoot.toReversed()),
  events("the log of another machine", "event_log_unexplained", bootEvents(false)),
  log("a digest of the SHA-256 bank changed", "event_log_unexplained", (bytes) =>
    flipped(bytes, header + firstEvent + 2 + 20 + 2 + 5),
  ),
  ...inPcr7.map((at) =>
    events(
      `event ${at} of PCR 7 as an event of no known type`,
      "secure_boot_unclear",
      honestBoot.with(at, { ...(honestBoot[at] as TestEvent), type: 0x8000ffff }),
    ),
  ),
  events(
    "Secure Boot said on by data that were not measured",
    "secure_boot_unclear",
    honestBoot.with(1, {
      ...{ pcr: 7, type: 0x80000001, data: uefiVariable("SecureBoot", Uint8Array.of(1, 1)) },
      measured: (honestBoot[1] as TestEvent).data,
    }),
  ),
];
