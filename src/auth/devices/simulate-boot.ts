/**
 * Measured-boot rules tried on the inventory before they are set: every enrolled device, by the newest boot that it showed,
 * judged by the function that judges ceremonies. A refused boot counts, because it is the newer one.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  type BootFinding,
  judgeBoot,
  type MeasuredBootRules,
  rulesFor,
} from "#devicetrust/measured-boot.ts";
import type { SimulateMeasuredBootResponseSchema } from "#gen/gatehouse/v1/attestation_pb.ts";
import type { AuthContext } from "../context.ts";
import { baselineOf } from "./attestation.ts";
import type { DeviceState } from "./device-state.ts";
import type { DeviceInventory } from "./inventory.ts";

type Part = MessageInitShape<typeof SimulateMeasuredBootResponseSchema>;

/** Yields the devices that fail, in the order of their ids, and the totals. Changes nothing. */
export async function* simulateMeasuredBoot(
  { stores }: Pick<AuthContext, "stores">,
  inventory: DeviceInventory,
  rules: MeasuredBootRules,
): AsyncGenerator<Part> {
  const totals = { enrolled: 0n, refused: 0n, reported: 0n, satisfied: 0n, unconcerned: 0n };
  for await (const { metadata, spec } of stores.devices.each()) {
    if (spec.enroll_status !== "enrolled") continue;
    const state = await inventory.find(metadata.name);
    // Deleted or unenrolled since the listing read it.
    if (state?.device.spec.enroll_status !== "enrolled") continue;
    totals.enrolled++;
    const findings = judgeRecord(rules, state);
    totals[outcomeOf(rules, state, findings)]++;
    if (findings.length > 0) yield failingPart(state, findings);
  }
  yield { part: { case: "totals", value: totals } };
}

/** What the device lacks by its newest known boot. */
export function judgeRecord(
  rules: MeasuredBootRules,
  { device, record }: DeviceState,
): readonly BootFinding[] {
  const osType = device.spec.os_type;
  const boot = record.refusedBoot ?? record.boot;
  return judgeBoot(rules, { osType, boot, baseline: baselineOf(record) ?? {} });
}

function outcomeOf(
  rules: MeasuredBootRules,
  { device }: DeviceState,
  findings: readonly BootFinding[],
): "refused" | "reported" | "satisfied" | "unconcerned" {
  if (findings.some(({ mode }) => mode === "enforce")) return "refused";
  if (findings.length > 0) return "reported";
  return rulesFor(rules, device.spec.os_type).length > 0 ? "satisfied" : "unconcerned";
}

function failingPart({ device, record }: DeviceState, findings: readonly BootFinding[]): Part {
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
