/**
 * Alerts of the cluster: sentences that administrators want people to see, at their login or in listings. Labels say who
 * may see one; whoever acknowledges it quiets it for everybody, for a while.
 */
import { Fault } from "#base/fault.ts";
import { showable } from "#base/showable.ts";
import type { Metadata } from "#resource/metadata.ts";

/** How much an alert matters; the numbers are those of the public API. */
export const severities = { low: 0, medium: 5, high: 10 } as const;

/** An alert as it is stored. */
export interface ClusterAlert {
  readonly kind: "cluster_alert";
  readonly metadata: Metadata;
  readonly spec: { readonly severity: number; readonly message: string; readonly created: string };
}

/** An acknowledgement; its name is that of the alert. */
export interface AlertAck {
  readonly kind: "cluster_alert_ack";
  readonly metadata: Metadata;
  readonly spec: { readonly reason: string };
}

/** Labels that mean something (public API). */
const labelNames = {
  permitAll: "teleport.internal/alert-permit-all",
  verbPermit: "teleport.internal/alert-verb-permit",
  supersedes: "teleport.internal/alert-supersedes",
} as const;

const defaultMs = 24 * 3_600_000;
const longestMessage = 1024;
const mostLabels = 32;
/** Of keys and values: nothing that a terminal or a table would stumble over. */
const labelText = /^[A-Za-z0-9_./:|, *@-]{0,256}$/;

/** Checks a new alert and completes it: a day, unless it says otherwise. Throws `invalid`. */
export function newAlert(given: {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly expires: Date | undefined;
  readonly severity: number;
  readonly message: string;
  readonly now: Date;
}): ClusterAlert {
  const { name, labels, severity, message, now } = given;
  const expires = given.expires ?? new Date(now.getTime() + defaultMs);
  if (message.trim() === "" || message.length > longestMessage) {
    throw new Fault("invalid", `an alert says something, in at most ${longestMessage} characters`);
  }
  if (/[\n\r\t]/.test(message) || showable(message) !== message || !message.isWellFormed()) {
    throw new Fault("invalid", "an alert is one line without control characters");
  }
  if (!Object.values(severities).some((known) => known === severity)) {
    throw new Fault("invalid", "the severity of an alert is low, medium or high");
  }
  const pairs = Object.entries(labels);
  if (pairs.length > mostLabels || !pairs.flat().every((text) => labelText.test(text))) {
    throw new Fault("invalid", "the labels of an alert are few, short and plain");
  }
  if (expires <= now) throw new Fault("invalid", "the end of the alert lies in the past");
  return {
    kind: "cluster_alert",
    metadata: { name, labels: { ...labels }, expires: expires.toISOString() },
    spec: { severity, message, created: now.toISOString() },
  };
}

/** What is asked for. */
export interface AlertQuery {
  readonly severity: number;
  /** Empty: any. */
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly withSuperseded: boolean;
}

/** Whether the alert is meant for a person whose rules allow what `may` says. */
export async function isMeantFor(
  { metadata }: ClusterAlert,
  may: (kind: string, verb: string) => Promise<boolean>,
): Promise<boolean> {
  const { labels = {} } = metadata;
  if (labels[labelNames.permitAll] === "yes") return true;
  for (const pair of (labels[labelNames.verbPermit] ?? "").split("|")) {
    const [kind, verb, more] = pair.split(":");
    if (kind && verb && more === undefined && (await may(kind, verb))) return true;
  }
  return false;
}

/** Those that the query asks for, those that matter most first, then the newest. */
export function selectAlerts(alerts: readonly ClusterAlert[], query: AlertQuery): ClusterAlert[] {
  const superseded = new Map<string, number>();
  for (const { metadata, spec } of alerts) {
    for (const id of (metadata.labels?.[labelNames.supersedes] ?? "").split(",")) {
      superseded.set(id, Math.max(superseded.get(id) ?? -1, spec.severity));
    }
  }
  return alerts
    .filter(
      ({ metadata, spec }) =>
        spec.severity >= query.severity &&
        (query.id === "" || metadata.name === query.id) &&
        Object.entries(query.labels).every(([key, value]) => metadata.labels?.[key] === value) &&
        (query.withSuperseded || (superseded.get(metadata.name) ?? -1) <= spec.severity),
    )
    .sort(
      (a, b) => b.spec.severity - a.spec.severity || (a.spec.created < b.spec.created ? 1 : -1),
    );
}
