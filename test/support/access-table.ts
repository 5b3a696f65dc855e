/**
 * Tables of access decisions: each row is a certificate, roles, a policy and a target, with the check that must refuse.
 * What a row leaves out is a plain user with the role `access` who logs in to the test server as root.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { PolicyView } from "#access/access-checks.ts";
import { type AccessDecision, decideAccess } from "#access/decide-access.ts";
import type { CheckName, Refusal } from "#access/decision.ts";
import { type AccessTarget, databaseTarget } from "#access/target.ts";
import type { UserIdentity } from "#identity/identity.ts";
import type { DeviceFacts } from "#resource/device-facts.ts";
import type { Role } from "#resource/role.ts";
import { makeUser, testDevice, testFacts } from "./identity.ts";
import { loginTarget, makeBrokenRole, makePolicy, makePreference, makeRole } from "./policy.ts";

/** The time of every decision. */
export const now = new Date("2026-01-01T10:00:00Z");
/** Labels that match everything. */
export const all = { "*": "*" };
/** The logins of the user's traits. */
export const logins = ["{{internal.logins}}"];
/** The role that rows have when they name none. */
export const access = makeRole("access", { allow: { node_labels: all, logins } });
/** The part of a user who proved an enrolled device. */
export const device = { device: testDevice };

/** A policy that knows these facts of the enrolled device. */
export function knowing(facts: Partial<DeviceFacts> = {}): Pick<PolicyView, "devices"> {
  return { devices: new Map([[testDevice.deviceId, { ...testFacts, ...facts }]]) };
}

/** One row. */
export interface Row {
  readonly name: string;
  readonly roles?: readonly Role[];
  readonly user?: Partial<UserIdentity>;
  readonly policy?: Partial<PolicyView>;
  readonly target?: AccessTarget;
  readonly clientIp?: string;
  /** Left out: allowed. */
  readonly refusedBy?: CheckName;
  readonly expect?: Partial<Refusal>;
}

/** The decision for a row. */
export function decide(row: Row): AccessDecision {
  const roles = row.roles ?? [access];
  const names = roles.map((role) => role.metadata.name);
  return decideAccess({
    identity: makeUser({ roles: names, ...row.user }),
    policy: makePolicy(roles, row.policy),
    target: row.target ?? loginTarget(),
    now,
    clientIp: row.clientIp,
  });
}

/** One test for each row. */
export function testRows(rows: readonly Row[]): void {
  for (const row of rows) {
    const outcome = row.refusedBy === undefined ? "allowed" : `refused by ${row.refusedBy}`;
    test(`${row.name}: ${outcome}`, () => {
      const decision = decide(row);
      const reason = decision.allowed ? undefined : decision.reason;
      assert.equal(reason?.check, row.refusedBy, reason?.message ?? "");
      if (reason === undefined) return;
      assert.equal(reason.audit["check"], row.refusedBy);
      for (const [key, value] of Object.entries(row.expect ?? {})) {
        assert.deepEqual(reason[key as keyof Refusal], value, key);
      }
    });
  }
}

/** A role called `extra`. */
export function role(options: object, allow: object = {}, deny: object = {}): Role {
  return makeRole("extra", { options, allow, deny });
}

/** A role that matches the test server and has these options. */
export function matching(options: object): Role {
  return role(options, { node_labels: { env: "prod" }, logins: ["root"] });
}

/** A role that does not match the test server. */
export function elsewhere(options: object): Role {
  return role(options, { node_labels: { env: "dev" }, logins: ["root"] });
}

/** A role that matches and whose options no schema would let pass. */
export function broken(options: object): Role {
  return makeBrokenRole("extra", { allow: { node_labels: all, logins: ["root"] } }, options);
}

/** A policy whose cluster preference has these fields. */
export function cluster(spec: object): Partial<PolicyView> {
  return { authPreference: makePreference(spec) };
}

/** A database as a target. */
export const database: AccessTarget = databaseTarget(
  { name: "pg", labels: { env: "prod" }, hostId: "agent-1" },
  { user: "reader", database: "sales", roles: [] },
);

/** A role for databases. */
export function databaseRole(allow: object, deny: object = {}): Role {
  return makeRole("dba", { allow: { db_labels: all, ...allow }, deny });
}
