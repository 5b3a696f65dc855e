/**
 * An attestation policy tried on the inventory before it is set: every enrolled device, by its key and the newest boot that
 * it showed, judged by the function that judges ceremonies. A refused boot counts, because it is the newer one.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { type BootFinding, judgeBoot, rulesFor } from "#devicetrust/measured-boot.ts";
import type { SimulateMeasuredBootResponseSchema } from "#gen/gatehouse/v1/attestation_pb.ts";
import type { AttestationPolicy } from "#resource/attestation-policy.ts";
import { type EvidenceReason, evidenceReasons } from "#tpm/refusal.ts";
import type { AuthContext } from "../context.ts";
import { baselineOf, signsWithSha1 } from "./attestation.ts";
import type { DeviceState } from "./device-state.ts";
import { readCredential } from "./enroll.ts";
import type { DeviceInventory } from "./inventory.ts";

type Part = MessageInitShape<typeof SimulateMeasuredBootResponseSchema>;
type Demands = AttestationPolicy["spec"];

/** What a device lacks: by a rule, or by the option about its key. */
interface Finding extends Omit<BootFinding, "reason"> {
  readonly reason: BootFinding["reason"] | EvidenceReason;
}

/** Yields the devices that fail, in the order of their ids, and the totals. Changes nothing. */
export async function* simulateMeasuredBoot(
  { stores }: Pick<AuthContext, "stores">,
  inventory: DeviceInventory,
  demands: Demands,
): AsyncGenerator<Part> {
  const totals = { enrolled: 0n, refused: 0n, reported: 0n, satisfied: 0n, unconcerned: 0n };
  for await (const { metadata, spec } of stores.devices.each()) {
    if (spec.enroll_status !== "enrolled") continue;
    const state = await inventory.find(metadata.name);
    // Deleted or unenrolled since the listing read it.
    if (state?.device.spec.enroll_status !== "enrolled") continue;
    totals.enrolled++;
    const findings = [...judgeKey(demands, state), ...judgeLastBoot(demands, state)];
    totals[outcomeOf(demands, state, findings)]++;
    if (findings.length > 0) yield failingPart(state, findings);
  }
  yield { part: { case: "totals", value: totals } };
}

/** A key that signs with SHA-1 was enrolled while the policy accepted it. */
function judgeKey(
  { allow_sha1_on_windows: allowed }: Demands,
  { device: { spec } }: DeviceState,
): readonly Finding[] {
  if (allowed || spec.credential === undefined) return [];
  if (!signsWithSha1(readCredential(spec.credential))) return [];
  const [rule, reason] = ["allow_sha1_on_windows", "ak_sha1"] as const;
  return [{ rule, mode: "enforce", reason, why: evidenceReasons[reason] }];
}

function judgeLastBoot(
  { measured_boot: rules }: Demands,
  { device, record }: DeviceState,
): readonly Finding[] {
  const osType = device.spec.os_type;
  const boot = record.refusedBoot ?? record.boot;
  return judgeBoot(rules, { osType, boot, baseline: baselineOf(record) ?? {} });
}

function outcomeOf(
  { measured_boot: rules }: Demands,
  { device }: DeviceState,
  findings: readonly Finding[],
): "refused" | "reported" | "satisfied" | "unconcerned" {
  if (findings.some(({ mode }) => mode === "enforce")) return "refused";
  if (findings.length > 0) return "reported";
  return rulesFor(rules, device.spec.os_type).length > 0 ? "satisfied" : "unconcerned";
}

function failingPart({ device, record }: DeviceState, findings: readonly Finding[]): Part {
  const { asset_tag: assetTag, os_type: osType, owner = "" } = device.spec;
  const boot = record.refusedBoot ?? record.boot;
  const value = {
    deviceId: device.metadata.name,
    assetTag,
    osType,
    owner,
    findings: [...findings],
    ...(boot ? { seen: timestampFromDate(new Date(boot.seen)) } : {}),
  };
  return { part: { case: "device", value } };
}
