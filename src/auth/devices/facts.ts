/**
 * The facts of a device, as posture rules see them: made of its document and of what it said and proved the last time.
 */
import { findProfileMismatch } from "#devicetrust/auto-enrollment.ts";
import { attestationTierOf, secureBootOf } from "#devicetrust/device-facts.ts";
import type { UserIdentity } from "#identity/identity.ts";
import type { DeviceFacts } from "#resource/device-facts.ts";
import type { AuthContext } from "../context.ts";
import { type DeviceChange, lastCollected } from "./device-state.ts";
import { DeviceInventory } from "./inventory.ts";
import { readCollectedDocument, readProfileDocument } from "./messages.ts";

/** The facts; undefined for a device that is not enrolled, about which no certificate says anything true. */
export function factsOf({ device, record }: DeviceChange): DeviceFacts | undefined {
  const { spec } = device;
  const attestation = attestationTierOf(device);
  if (attestation === undefined || spec.credential === undefined) return undefined;
  const { source, profile } = spec;
  const last = lastCollected(record);
  const said = (value: string | undefined) => (value ? value : undefined);
  const mismatch =
    profile && last
      ? findProfileMismatch(readProfileDocument(profile), readCollectedDocument(last))
      : undefined;
  return withoutAbsent({
    credential_id: spec.credential.id,
    asset_tag: spec.asset_tag,
    os: spec.os_type,
    os_version: said(last?.os_version),
    os_build: said(last?.os_build),
    os_id: said(last?.os_id),
    model: said(last?.model_identifier),
    attestation,
    secure_boot: secureBootOf(record),
    source: source?.name ?? "",
    origin: source?.origin === undefined || source.origin === "unspecified" ? "" : source.origin,
    owner: spec.owner ?? "",
    data_time: last?.record_time,
    profile_time: profile?.update_time,
    profile_agrees: profile && last ? mismatch === undefined : undefined,
  });
}

/** The facts of the device that a certificate names, as policies hold them: one entry, or none. */
export async function factsFor(
  context: AuthContext,
  { device }: Pick<UserIdentity, "device">,
): Promise<ReadonlyMap<string, DeviceFacts>> {
  if (device === undefined) return new Map();
  const state = await new DeviceInventory(context).find(device.deviceId);
  const facts = state && factsOf(state);
  return new Map(facts ? [[device.deviceId, facts]] : []);
}

/** What is not known is left out, as it is when facts come back from JSON. */
function withoutAbsent(
  facts: {
    readonly [K in keyof DeviceFacts]-?: DeviceFacts[K] | undefined;
  },
): DeviceFacts {
  const known = Object.entries(facts).filter(([, value]) => value !== undefined);
  return Object.fromEntries(known) as DeviceFacts;
}
