/**
 * Whether a boot satisfies the cluster's measured-boot rules. The same function judges a ceremony and the dry run over the
 * inventory; it says everything that is wrong, so that a person mends it in one go.
 *
 * What was not proved counts as not given: a rule that needs the event log fails a device that cannot read it.
 */
import type { AttestationPolicy, MeasuredBootRule } from "#resource/attestation-policy.ts";
import { type BootFacts, bootFactsOf, type PcrTable } from "./device-facts.ts";
import type { OsType } from "./messages.ts";
import type { PlatformReport } from "./platform.ts";
import { type Ceremony, refuseCeremony } from "./refusal.ts";

/** Rules about boots, as the attestation policy holds them. */
export type MeasuredBootRules = AttestationPolicy["spec"]["measured_boot"];

/** What is known of a device when it is judged. */
export interface BootState {
  readonly osType: OsType;
  /** The newest boot that it proved; undefined when none is known. */
  readonly boot: BootFacts | undefined;
  /** What `unchanged_pcrs` compares with; undefined at an enrollment, which sets it. */
  readonly baseline: PcrTable | undefined;
}

/** Why a boot fails a rule. Reasons are never renamed: audit events and listings carry them. */
export type BootReason =
  | "boot_unknown"
  | "event_log_absent"
  | "event_log_unreadable"
  | "event_log_unexplained"
  | "secure_boot_off"
  | "secure_boot_unclear"
  | "pcr_changed"
  | "firmware_unknown"
  | "firmware_not_allowed";

/** One demand of one rule that the boot does not meet. */
export interface BootFinding {
  readonly rule: string;
  readonly mode: MeasuredBootRule["mode"];
  readonly reason: BootReason;
  /** A sentence for the administrator. */
  readonly why: string;
}

type Problem = Pick<BootFinding, "reason" | "why">;
type Demand = (
  rule: MeasuredBootRule,
  boot: BootFacts,
  baseline: PcrTable | undefined,
) => Problem[];

const logProblems: ReadonlyMap<BootFacts["eventLog"], Problem> = new Map([
  ["absent", { reason: "event_log_absent", why: "the device sent no event log" }],
  ["unreadable", { reason: "event_log_unreadable", why: "the event log cannot be read" }],
]);

const demandLog: Demand = ({ event_log }, { eventLog, unexplainedPcrs }) => {
  if (!event_log || eventLog === "explained") return [];
  const pcrs = unexplainedPcrs.join(", ");
  const why = `the event log does not lead to the quoted PCR values: ${pcrs}`;
  return [logProblems.get(eventLog) ?? { reason: "event_log_unexplained", why }];
};

const demandSecureBoot: Demand = ({ secure_boot }, { secureBoot, eventLog }) => {
  if (!secure_boot || secureBoot === "on") return [];
  if (secureBoot === "off") return [{ reason: "secure_boot_off", why: "Secure Boot is off" }];
  const why = `nothing proves that Secure Boot is on: the event log is ${eventLog}`;
  return [{ reason: "secure_boot_unclear", why }];
};

const demandUnchanged: Demand = ({ unchanged_pcrs = [] }, { pcrs }, baseline) => {
  if (baseline === undefined) return [];
  // A value that either side lacks counts as changed: who quotes fewer PCRs proves less.
  const same = (index: number) => pcrs[index] !== undefined && pcrs[index] === baseline[index];
  const changed = [...new Set(unchanged_pcrs)].filter((index) => !same(index));
  if (changed.length === 0) return [];
  const named = changed.sort((a, b) => a - b).join(", ");
  return [
    {
      reason: "pcr_changed",
      why: `PCR ${named} changed since the enrollment or the last approval`,
    },
  ];
};

const demandFirmware: Demand = ({ allowed_firmware: allowed = [] }, { firmware, pcrs }) => {
  if (allowed.length === 0) return [];
  const fits = allowed.some(
    ({ version, pcr0 }) =>
      (version === undefined || (firmware !== undefined && matchesVersion(firmware, version))) &&
      (pcr0 === undefined || pcr0 === pcrs[0]),
  );
  if (fits) return [];
  const value = `PCR 0 is ${pcrs[0] ?? "not quoted"}`;
  return firmware === undefined
    ? [{ reason: "firmware_unknown", why: `the version of the firmware is not known; ${value}` }]
    : [{ reason: "firmware_not_allowed", why: `the firmware is "${firmware}"; ${value}` }];
};

const demands = [demandLog, demandSecureBoot, demandUnchanged, demandFirmware];

/** The rules that are about devices of this system. */
export function rulesFor(rules: MeasuredBootRules, osType: OsType): MeasuredBootRules {
  return rules.filter(({ os }) => (os as readonly OsType[]).includes(osType));
}

/** Everything that the boot lacks, in the order of the rules; empty when it satisfies them all. */
export function judgeBoot(rules: MeasuredBootRules, state: BootState): readonly BootFinding[] {
  const { boot, baseline, osType } = state;
  return rulesFor(rules, osType).flatMap((rule) => {
    const unknown = { reason: "boot_unknown", why: "nothing is known of its last boot" } as const;
    const problems = boot ? demands.flatMap((demand) => demand(rule, boot, baseline)) : [unknown];
    return problems.map((problem) => ({ rule: rule.name, mode: rule.mode, ...problem }));
  });
}

/** A finding as a sentence: what audit events and listings show. */
export function formatFinding({ rule, why }: BootFinding): string {
  return `measured-boot rule "${rule}": ${why}`;
}

/** A boot that no rule refuses. */
export interface JudgedBoot {
  readonly facts: BootFacts;
  /** What it lacks by rules that only report. */
  readonly findings: readonly BootFinding[];
}

/** The verified boot of a ceremony. */
interface CeremonyBoot extends Pick<BootState, "osType" | "baseline"> {
  readonly platform: PlatformReport;
  /** Is told the boot before it is judged, so that a refused one can be remembered. */
  readonly seen?: ((facts: BootFacts) => void) | undefined;
}

/** Judges the boot in a ceremony. Refuses, with the reason of the first finding, when a rule that is enforced is not met. */
export function judgePlatform(
  ceremony: Ceremony,
  rules: MeasuredBootRules,
  { osType, platform, baseline, seen }: CeremonyBoot,
  now: Date,
): JudgedBoot {
  const facts = bootFactsOf(platform, now);
  seen?.(facts);
  const findings = judgeBoot(rules, { osType, boot: facts, baseline });
  assertNoneEnforced(ceremony, findings);
  return { facts, findings };
}

/** The audit event names every finding, not only the first. */
function assertNoneEnforced(ceremony: Ceremony, findings: readonly BootFinding[]): void {
  const enforced = findings.filter(({ mode }) => mode === "enforce");
  const [first] = enforced;
  if (first === undefined) return;
  throw refuseCeremony(ceremony, first.reason, enforced.map(formatFinding).join("; "));
}

function matchesVersion(firmware: string, pattern: string): boolean {
  return pattern.endsWith("*") ? firmware.startsWith(pattern.slice(0, -1)) : firmware === pattern;
}
