/**
 * Re-attestation: where the cluster asks for it, the device of a session proves itself anew while the session goes on. Our
 * own client does so at half the interval (`src/client/reattestation.ts`), and auth tells services when a device last
 * proved itself. It concerns sessions for which a device is demanded, by a mode or by posture rules; nobody is worse off for
 * having a device where none is needed.
 */
import { formatDuration, parseDuration } from "#base/duration.ts";
import type { UserIdentity } from "#identity/identity.ts";
import type { AttestationPolicy } from "#resource/attestation-policy.ts";
import type { Role } from "#resource/role.ts";
import type { PolicyView } from "./access-checks.ts";
import { type Refusal, refuse } from "./decision.ts";
import { demandsDevice, hasTrustedDevice } from "./device-mode.ts";
import { rulesOfCluster, rulesOfRole } from "./device-posture.ts";
import { type AccessTarget, coveredByCluster } from "./target.ts";

/** What the cluster asks for. */
export interface Reattestation {
  readonly everyMs: number;
  /** Sessions of before have a whole interval from then. */
  readonly since: Date;
}

/** The setting as decisions use it; undefined when devices prove themselves at logins only. */
export function reattestationOf({ spec }: AttestationPolicy): Reattestation | undefined {
  const { every, since } = spec.reattestation ?? {};
  if (every === undefined) return undefined;
  return { everyMs: parseDuration(every), since: new Date(since ?? 0) };
}

/** A granted session, as far as its device is concerned. */
export interface ProvenSession {
  readonly identity: UserIdentity;
  readonly target: AccessTarget;
  /** Roles that gave it. */
  readonly matching: readonly Role[];
  readonly begun: Date;
}

/** Until when the session may go on without a new proof of its device; undefined when none is asked for. */
export function provenUntil(session: ProvenSession, policy: PolicyView): Date | undefined {
  const { reattestation } = policy;
  if (reattestation === undefined || !hasTrustedDevice(session.identity)) return undefined;
  if (!demandsProof(session, policy)) return undefined;
  const { device } = session.identity;
  const facts = policy.devices.get(device?.deviceId ?? "");
  // What another credential proved says nothing about this one.
  const proved =
    facts?.credential_id === device?.credentialId ? Date.parse(facts?.data_time ?? "") : 0;
  const from = Math.max(session.begun.getTime(), reattestation.since.getTime(), proved || 0);
  return new Date(from + reattestation.everyMs);
}

/** Why a session ends whose device did not prove itself in time. */
export function refuseUnproven({ everyMs }: Reattestation): Refusal {
  return refuse(
    "reattestation",
    `the device of this session has not proved itself again within ${formatDuration(everyMs)}`,
    {
      code: "device-required",
      stage: "session",
      hint: "tsh proves it by itself while a session goes on; see what keeps it from that: tsh device doctor",
      audit: { reattestation_every_s: Math.round(everyMs / 1000) },
    },
  );
}

function demandsProof({ identity, target, matching }: ProvenSession, policy: PolicyView): boolean {
  const cluster = coveredByCluster[target.protocol] ? [rulesOfCluster(policy.authPreference)] : [];
  const places = [...matching.map(rulesOfRole), ...cluster];
  const modes = places.map(({ mode }) => mode);
  return (
    demandsDevice(modes, identity) ||
    places.some(({ rules, mode }) => rules.length > 0 && mode !== "off")
  );
}
