import assert from "node:assert/strict";
import { test } from "node:test";
import type { Role } from "#resource/role.ts";
import {
  access,
  all,
  database,
  databaseRole,
  decide,
  elsewhere,
  logins,
  now,
  type Row,
  role,
  testRows,
} from "../../test/support/access-table.ts";
import { makeRole } from "../../test/support/policy.ts";

const rows: readonly Row[] = [
  {
    name: "a role without labels",
    roles: [makeRole("x", { allow: { logins } })],
    refusedBy: "allow-rules",
  },
  {
    name: "two label keys that become one",
    roles: [
      makeRole("x", { allow: { node_labels: { env: "dev", "{{external.key}}": "prod" }, logins } }),
    ],
    user: { traits: { logins: ["root"], key: ["env"] } },
    refusedBy: "allow-rules",
  },
  { name: "a role with labels and login" },
  { name: "no role at all", roles: [], refusedBy: "allow-rules" },
  {
    name: "a role that matches no label",
    roles: [elsewhere({})],
    refusedBy: "allow-rules",
    expect: { message: "no role allows access to ip-172-31-35-170", stage: "authentication" },
  },
  {
    name: "a role without the login",
    roles: [makeRole("web", { allow: { node_labels: all, logins: ["www"] } })],
    refusedBy: "allow-rules",
    expect: {
      message: 'no role allows login "root" on ip-172-31-35-170',
      role: "web",
      rule: "allow.logins",
    },
  },
  {
    name: "labels of one role and login of another",
    roles: [
      makeRole("labels", { allow: { node_labels: all } }),
      makeRole("login", { allow: { node_labels: { env: "dev" }, logins: ["root"] } }),
    ],
    refusedBy: "allow-rules",
  },
  {
    name: "a star among allowed logins",
    roles: [makeRole("x", { allow: { node_labels: all, logins: ["*"] } })],
    refusedBy: "allow-rules",
  },
  {
    name: "a login that the certificate lacks",
    user: { logins: ["ubuntu"] },
    refusedBy: "certificate-principal",
  },
  { name: "a template without values", user: { traits: {} }, refusedBy: "allow-rules" },
  {
    name: "a label glob",
    roles: [makeRole("x", { allow: { node_labels: { env: "pr*" }, logins } })],
  },
  {
    name: "a label pattern",
    roles: [makeRole("x", { allow: { node_labels: { env: "^pr.d$" }, logins } })],
  },
  {
    name: "a label from a trait",
    roles: [makeRole("x", { allow: { node_labels: { team: "{{external.team}}" }, logins } })],
    user: { traits: { logins: ["root"], team: ["core"] } },
  },
  {
    name: "a label from a trait that is not there",
    roles: [makeRole("x", { allow: { node_labels: { team: "{{external.team}}" }, logins } })],
    refusedBy: "allow-rules",
  },
  {
    name: "a label key from a trait that is a star",
    roles: [makeRole("x", { allow: { node_labels: { "{{external.key}}": "*" }, logins } })],
    user: { traits: { logins: ["root"], key: ["*"] } },
    refusedBy: "allow-rules",
  },
  {
    name: "a label key from a trait",
    roles: [makeRole("x", { allow: { node_labels: { "{{external.key}}": "prod" }, logins } })],
    user: { traits: { logins: ["root"], key: ["env"] } },
  },
  {
    name: "a label expression",
    roles: [
      makeRole("x", { allow: { node_labels_expression: 'labels["env"] == "prod"', logins } }),
    ],
  },
  {
    name: "a label expression that is false",
    roles: [makeRole("x", { allow: { node_labels_expression: 'labels["env"] == "dev"', logins } })],
    refusedBy: "allow-rules",
  },
  {
    name: "labels that match and an expression that does not",
    roles: [
      makeRole("x", {
        allow: { node_labels: all, node_labels_expression: 'labels["env"] == "dev"', logins },
      }),
    ],
    refusedBy: "allow-rules",
  },
  {
    name: "an allow pattern that cannot be evaluated",
    roles: [withLabels("allow", { env: ["^(prod$"] })],
    refusedBy: "allow-rules",
  },

  {
    name: "a denied login",
    roles: [access, role({}, {}, { logins: ["root"] })],
    refusedBy: "deny-rules",
    expect: { role: "extra", rule: "deny.logins" },
  },
  { name: "another denied login", roles: [access, role({}, {}, { logins: ["ubuntu"] })] },
  {
    name: "every login denied",
    roles: [access, role({}, {}, { logins: ["*"] })],
    refusedBy: "deny-rules",
  },
  {
    name: "a login denied by trait",
    roles: [access, role({}, {}, { logins: ["{{external.never}}"] })],
    user: { traits: { logins: ["root"], never: ["root"] } },
    refusedBy: "deny-rules",
  },
  {
    name: "denied labels",
    roles: [access, role({}, {}, { node_labels: { env: "prod" } })],
    refusedBy: "deny-rules",
    expect: { rule: "deny.node_labels" },
  },
  { name: "other denied labels", roles: [access, role({}, {}, { node_labels: { env: "dev" } })] },
  {
    name: "a denying label expression",
    roles: [access, role({}, {}, { node_labels_expression: 'labels.team == "core"' })],
    refusedBy: "deny-rules",
    expect: { rule: "deny.node_labels_expression" },
  },
  {
    name: "a deny pattern that cannot be evaluated",
    roles: [access, withLabels("deny", { env: ["^(prod$"] })],
    refusedBy: "deny-rules",
  },
  { name: "denied labels of databases", roles: [access, role({}, {}, { db_labels: all })] },

  {
    name: "a role that was removed",
    user: { roles: ["access", "gone"] },
    refusedBy: "roles-known",
    expect: { role: "gone", message: 'role "gone" is not found' },
  },
  {
    name: "an expired certificate",
    user: { expires: now },
    refusedBy: "certificate-validity",
    expect: { code: "unproven" },
  },
  {
    name: "a certificate that expires a moment later",
    user: { expires: new Date(now.getTime() + 1) },
  },
  { name: "a database certificate", user: { usage: ["db"] }, refusedBy: "certificate-usage" },
  {
    name: "outdated rules",
    policy: { current: false },
    refusedBy: "policy-current",
    expect: { code: "unavailable" },
  },

  {
    name: "a pinned certificate from its address",
    user: { pinnedIp: "10.0.0.1" },
    clientIp: "::ffff:10.0.0.1",
  },
  {
    name: "a pinned certificate from another address",
    user: { pinnedIp: "10.0.0.1" },
    clientIp: "10.0.0.2",
    refusedBy: "source-address",
  },
  {
    name: "a pinned certificate from nowhere",
    user: { pinnedIp: "10.0.0.1" },
    refusedBy: "source-address",
  },
  {
    name: "pin_source_ip and no pinned address",
    roles: [access, role({ pin_source_ip: true })],
    clientIp: "10.0.0.1",
    refusedBy: "source-address",
    expect: { role: "extra", rule: "options.pin_source_ip" },
  },
  {
    name: "pin_source_ip and a pinned address",
    roles: [access, role({ pin_source_ip: true })],
    user: { pinnedIp: "2001:DB8::1" },
    clientIp: "2001:db8:0::1",
  },

  {
    name: "a database with its user and name",
    roles: [databaseRole({ db_users: ["reader"], db_names: ["sales"] })],
    target: database,
    user: { usage: ["db"] },
  },
  {
    name: "a database without its name",
    roles: [databaseRole({ db_users: ["reader"], db_names: ["hr"] })],
    target: database,
    refusedBy: "allow-rules",
    expect: { rule: "allow.db_names" },
  },
  {
    name: "a denied database user",
    roles: [databaseRole({ db_users: ["*"], db_names: ["*"] }, { db_users: ["reader"] })],
    target: database,
    refusedBy: "deny-rules",
  },
];

function withLabels(side: "allow" | "deny", labels: Record<string, string[]>): Role {
  const base = makeRole("bad", { allow: side === "allow" ? { logins } : {} });
  const conditions = { ...base.spec[side], node_labels: labels };
  return { ...base, spec: { ...base.spec, [side]: conditions } };
}

testRows(rows);

test("a grant names the roles that gave it", () => {
  const decision = decide({ name: "", roles: [access, elsewhere({})] });
  assert.ok(decision.allowed);
  assert.deepEqual(
    decision.matching.map((granted) => granted.metadata.name),
    ["access"],
  );
});
