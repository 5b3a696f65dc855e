/**
 * Posture rules of roles and of the cluster, held against what is known of the device that a certificate names. The
 * language and what a missing fact means are in `#expression/posture.ts`.
 *
 * A rule binds whoever the access reaches, with a device or without: a person without one has no facts, so meets no rule
 * about devices. It sleeps beside the mode `off`, and exempts bots beside `required-for-humans`, as the mode itself does.
 */
import { formatDuration } from "#base/duration.ts";
import { isFault } from "#base/fault.ts";
import {
  compilePostureRule,
  type LookedAt,
  type PostureFacts,
  type PostureRule,
} from "#expression/posture.ts";
import type { ExpressionUser } from "#expression/scopes.ts";
import type { UserIdentity } from "#identity/identity.ts";
import type { ClusterAuthPreference } from "#resource/cluster-auth-preference.ts";
import type { DeviceFacts } from "#resource/device-facts.ts";
import type { DevicePostureRule } from "#resource/device-posture.ts";
import type { Role } from "#resource/role.ts";
import type { AuditFields, Refusal } from "./decision.ts";
import { hasTrustedDevice } from "./device-mode.ts";
import { remediesFor } from "./posture-remedies.ts";

/** Where rules stand. */
interface RuledBy {
  readonly roles: ReadonlyMap<string, Role>;
  readonly authPreference: ClusterAuthPreference;
}

/** Rules of one place, with the mode beside them. */
export interface PlacedRules {
  readonly rules: readonly DevicePostureRule[];
  readonly mode: string | undefined;
}

/** Who is held against rules, and when. */
export interface PostureSubject {
  readonly identity: UserIdentity;
  /** Facts of devices, by id. */
  readonly devices: ReadonlyMap<string, DeviceFacts>;
  readonly now: Date;
}

/** A rule that is not met, its place in the list, and the facts that decided. */
export interface UnmetRule {
  readonly rule: DevicePostureRule;
  readonly index: number;
  readonly facts: readonly LookedAt[];
}

/** The first of the rules that is not met, or undefined. A rule that cannot be read is not met. */
export function findUnmetRule(
  { rules, mode }: PlacedRules,
  subject: PostureSubject,
): UnmetRule | undefined {
  const { identity } = subject;
  const isBot = identity.botName !== undefined && identity.botName !== "";
  if (mode === "off" || (mode === "required-for-humans" && isBot)) return undefined;
  if (rules.length === 0) return undefined;
  const user = { name: identity.username, roles: identity.roles, traits: identity.traits };
  const facts = postureFacts(subject);
  for (const [index, rule] of rules.entries()) {
    const unmet = judge(rule.rule, user, facts);
    if (unmet !== undefined) return { rule, index, facts: unmet };
  }
  return undefined;
}

/** Undefined when the rule is met. */
function judge(
  source: string,
  user: ExpressionUser,
  facts: PostureFacts,
): readonly LookedAt[] | undefined {
  const rule = ruleOf(source);
  const verdict = rule?.decide(user, facts) ?? { met: false, facts: [] };
  return verdict.met ? undefined : verdict.facts;
}

/** The facts of the device that the certificate names, ages as of now; none for another credential than the enrolled one. */
function postureFacts({ identity, devices, now }: PostureSubject): PostureFacts {
  const { device } = identity;
  if (device === undefined || !hasTrustedDevice(identity)) return {};
  const known = devices.get(device.deviceId);
  if (known === undefined || known.credential_id !== device.credentialId) return {};
  const { credential_id: _, data_time, profile_time, ...facts } = known;
  const dataAge = ageOf(data_time, now);
  const profileAge = ageOf(profile_time, now);
  return {
    ...facts,
    ...(dataAge === undefined ? {} : { data_age: dataAge }),
    ...(profileAge === undefined ? {} : { profile_age: profileAge }),
  };
}

/** Milliseconds. Clocks of services may be apart: what lies ahead is of now. */
function ageOf(time: string | undefined, now: Date): number | undefined {
  const age = now.getTime() - Date.parse(time ?? "");
  return Number.isNaN(age) ? undefined : Math.max(0, age);
}

/** An unmet rule in words. */
export interface UnmetExplanation {
  /** What is demanded, in the administrator's words or as the rule. */
  readonly message: string;
  /** A sentence for each fact that was looked at. */
  readonly facts: readonly string[];
  /** What to do about them. */
  readonly remedies: readonly string[];
}

/** Tells why a rule is not met, and what would help. */
export function explainUnmet(
  { rule, facts }: UnmetRule,
  { identity, devices }: PostureSubject,
): UnmetExplanation {
  const message = rule.message || rule.rule;
  const { device } = identity;
  if (device === undefined || !hasTrustedDevice(identity)) {
    const remedies = ["this login has no trusted device; see: tsh device status"];
    return { message, facts: [], remedies };
  }
  const known = devices.get(device.deviceId)?.credential_id === device.credentialId;
  return {
    message,
    facts: facts.map(describeFact),
    remedies: known
      ? remediesFor(facts, device.assetTag)
      : ["the device of this login is not enrolled with its key any more: tsh logout; tsh login"],
  };
}

/** What a refusal for an unmet rule says: the sentence, what was looked at, and the same for the audit event. */
export function refusalForUnmet(
  unmet: UnmetRule,
  subject: PostureSubject,
  whose: string,
): Pick<Refusal, "message" | "hint"> & { readonly audit: AuditFields } {
  const { rule } = unmet.rule;
  const { message, facts, remedies } = explainUnmet(unmet, subject);
  const missing = unmet.facts.filter(({ value }) => value === undefined).map(nameOf);
  return {
    message: `the device does not meet a posture rule: ${message}`,
    hint: [`${whose} demands of the device: ${rule}`, ...facts, ...remedies].join("\n"),
    audit: {
      posture_rule: rule,
      ...(facts.length === 0 ? {} : { device_facts: facts.join("; ") }),
      ...(missing.length === 0 ? {} : { missing_facts: missing.join(", ") }),
    },
  };
}

function describeFact(looked: LookedAt): string {
  const { value } = looked;
  const name = nameOf(looked);
  if (value === undefined) return `${name} is not known`;
  // Only ages are numbers.
  if (typeof value === "number") return `${name} is ${formatAge(value)}`;
  return `${name} is ${JSON.stringify(value)}`;
}

function nameOf({ fact }: LookedAt): string {
  return `device.${fact}`;
}

function formatAge(ms: number): string {
  return formatDuration(Math.floor(ms / 1000) * 1000);
}

/** True when some rule in force looks at devices: services then need their facts before they decide. */
export function hasPostureRules({ roles, authPreference }: RuledBy): boolean {
  const places = [...[...roles.values()].map(rulesOfRole), rulesOfCluster(authPreference)];
  return places.some(({ rules, mode }) => rules.length > 0 && mode !== "off");
}

/** The rules of a role. */
export function rulesOfRole({ spec: { options } }: Role): PlacedRules {
  return { rules: options.device_posture ?? [], mode: options.device_trust_mode };
}

/** The rules of the cluster. */
export function rulesOfCluster({ spec }: ClusterAuthPreference): PlacedRules {
  const { posture: rules = [], mode } = spec.device_trust ?? {};
  return { rules, mode };
}

/** Compiled rules; decisions repeat them. Undefined for what does not compile. */
const compiled = new Map<string, PostureRule | undefined>();

function ruleOf(source: string): PostureRule | undefined {
  if (compiled.has(source)) return compiled.get(source);
  const rule = compile(source);
  if (compiled.size >= 256) compiled.clear();
  compiled.set(source, rule);
  return rule;
}

function compile(source: string): PostureRule | undefined {
  try {
    return compilePostureRule(source);
  } catch (error) {
    if (isFault(error)) return undefined;
    throw error;
  }
}
