/**
 * The roles that a new cluster starts with (spec: preset roles). They are created once; after that
 * they belong to the administrators, who may change or replace them. Only missing default rules are
 * added later.
 */
import { type Random, uuid } from "#base/random.ts";
import type { Role } from "../role.ts";
import { presetAccess } from "./access.ts";
import { presetAuditor } from "./auditor.ts";
import { presetDeviceAdmin, presetDeviceEnroll, presetRequireTrustedDevice } from "./devices.ts";
import { presetEditor } from "./editor.ts";
import { presetLabel, presetLabelValue } from "./preset.ts";
import { presetGroupAccess, presetRequester, presetReviewer } from "./requests.ts";
import { presetTerraformProvider } from "./terraform-provider.ts";

/** Every preset role, fresh. */
export function presetRoles(random: Random): Role[] {
  return [
    presetAccess(),
    presetEditor(),
    presetAuditor(uuid(random)),
    presetReviewer(),
    presetRequester(),
    presetGroupAccess(),
    presetDeviceAdmin(),
    presetDeviceEnroll(),
    presetRequireTrustedDevice(),
    presetTerraformProvider(),
  ];
}

/** True for a role that still carries the preset label. */
export function isPreset(role: Role): boolean {
  return role.metadata.labels?.[presetLabel] === presetLabelValue;
}

/**
 * The stored role with the rules that its preset gained since it was created, or undefined when
 * there is nothing to add: the role carries no preset label, or mentions each resource in allow or
 * deny already.
 */
export function addMissingRules(stored: Role, preset: Role): Role | undefined {
  if (!isPreset(stored) || stored.metadata.name !== preset.metadata.name) return undefined;
  const { allow, deny } = stored.spec;
  const rules = [...(allow.rules ?? []), ...(deny.rules ?? [])];
  const mentioned = new Set(rules.flatMap((rule) => rule.resources));
  const missing = (preset.spec.allow.rules ?? []).filter((rule) =>
    rule.resources.every((resource) => !mentioned.has(resource)),
  );
  if (missing.length === 0) return undefined;
  const extended = { ...allow, rules: [...(allow.rules ?? []), ...missing] };
  return { ...stored, spec: { ...stored.spec, allow: extended } };
}
