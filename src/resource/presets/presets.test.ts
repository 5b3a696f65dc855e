/** The roles of a new cluster against their published list. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Role } from "../role.ts";
import { addMissingRules, isPreset, presetRoles } from "./presets.ts";

const zeros = (length: number) => new Uint8Array(length);
const presets = presetRoles(zeros);

function preset(name: string): Role {
  const found = presets.find((role) => role.metadata.name === name);
  assert.ok(found, name);
  return found;
}

function verbsOn(role: Role, resource: string): readonly string[] {
  return (role.spec.allow.rules ?? [])
    .filter((rule) => rule.resources.includes(resource))
    .flatMap((rule) => rule.verbs);
}

const readWrite = ["list", "create", "read", "update", "delete"];

test("lists every preset once, each with label, description and published version", () => {
  assert.deepEqual(
    presets.map((role) => [role.metadata.name, role.version]),
    [
      ["access", "v7"],
      ["editor", "v7"],
      ["auditor", "v7"],
      ["reviewer", "v6"],
      ["requester", "v6"],
      ["group-access", "v6"],
      ["device-admin", "v6"],
      ["device-enroll", "v6"],
      ["require-trusted-device", "v6"],
      ["terraform-provider", "v7"],
    ],
  );
  for (const role of presets) {
    assert.ok(isPreset(role));
    assert.ok((role.metadata.description ?? "").length > 10);
    assert.deepEqual(role.spec.deny, {});
  }
});

test("device rights are those of the guide", () => {
  assert.deepEqual(verbsOn(preset("device-admin"), "device"), [
    ...readWrite,
    "create_enroll_token",
    "enroll",
  ]);
  assert.deepEqual(verbsOn(preset("editor"), "device"), [
    ...readWrite,
    "create_enroll_token",
    "enroll",
  ]);
  assert.deepEqual(verbsOn(preset("device-enroll"), "device"), ["enroll"]);
  assert.deepEqual(verbsOn(preset("access"), "device"), []);
  assert.deepEqual(verbsOn(preset("auditor"), "device"), []);
});

test("require-trusted-device demands a device on servers, clusters and databases, not on applications", () => {
  const { options, allow } = preset("require-trusted-device").spec;
  assert.equal(options.device_trust_mode, "required");
  assert.deepEqual(allow.logins, ["{{internal.logins}}"]);
  assert.deepEqual(allow.node_labels, { "*": ["*"] });
  assert.deepEqual(allow.kubernetes_labels, { "*": ["*"] });
  assert.deepEqual(allow.db_labels, { "*": ["*"] });
  assert.deepEqual(allow.kubernetes_groups, [
    "{{internal.kubernetes_groups}}",
    "system:masters",
    "developers",
    "viewers",
  ]);
  assert.deepEqual([allow.db_names, allow.db_users], [["*"], ["*"]]);
  assert.equal(allow.app_labels, undefined);
  assert.equal(allow.windows_desktop_labels, undefined);
});

test("no other preset demands a device", () => {
  const demanding = presets.filter((role) => role.spec.options.device_trust_mode !== undefined);
  assert.deepEqual(
    demanding.map((role) => role.metadata.name),
    ["require-trusted-device"],
  );
});

test("editor and auditor reach no server", () => {
  for (const name of ["editor", "auditor"]) {
    assert.equal(preset(name).spec.allow.node_labels, undefined);
    assert.equal(preset(name).spec.options.record_session?.desktop, false);
  }
  assert.deepEqual(preset("auditor").spec.allow.logins, [
    "no-login-00000000-0000-4000-8000-000000000000",
  ]);
});

test("editor may use what it integrates and only read what runs", () => {
  assert.deepEqual(verbsOn(preset("editor"), "integration"), [...readWrite, "use"]);
  assert.deepEqual(verbsOn(preset("editor"), "instance"), ["list", "read"]);
  // The last one is attestation_policy, a kind of our own.
  assert.equal((preset("editor").spec.allow.rules ?? []).length, 49 + 1 + 3 + 2 + 1);
});

test("adds rules that a preset gained, and nothing else", () => {
  const stored = structuredClone(preset("editor"));
  stored.spec.allow.rules = (stored.spec.allow.rules ?? []).filter(
    (rule) => !rule.resources.includes("device") && !rule.resources.includes("lock"),
  );
  stored.spec.deny = { rules: [{ resources: ["lock"], verbs: ["*"] }] };
  stored.spec.allow.logins = ["root"];
  const updated = addMissingRules(stored, preset("editor"));
  assert.ok(updated);
  assert.deepEqual(verbsOn(updated, "device"), [...readWrite, "create_enroll_token", "enroll"]);
  assert.deepEqual(verbsOn(updated, "lock"), []);
  assert.deepEqual(updated.spec.allow.logins, ["root"]);
  assert.equal(addMissingRules(updated, preset("editor")), undefined);
});

test("leaves a role alone that somebody made under the name of a preset", () => {
  const own = structuredClone(preset("editor"));
  own.metadata.labels = {};
  own.spec.allow.rules = [];
  assert.equal(addMissingRules(own, preset("editor")), undefined);
});
