/** Roles, locks and policies for tests of access decisions. Roles go through the schema, as stored ones do. */
import type { PolicyView } from "#access/access-checks.ts";
import { type AccessTarget, sshTarget } from "#access/target.ts";
import {
  type ClusterAuthPreference,
  clusterAuthPreferenceSchema,
} from "#resource/cluster-auth-preference.ts";
import { type Lock, type LockTarget, lockSchema } from "#resource/lock.ts";
import { type Role, roleSchema } from "#resource/role.ts";

/** The parts of a role's spec as YAML has them. */
export interface RoleSpec {
  readonly allow?: object;
  readonly deny?: object;
  readonly options?: object;
}

/** A role of version v7. */
export function makeRole(name: string, spec: RoleSpec = {}): Role {
  return roleSchema.parse({ kind: "role", version: "v7", metadata: { name }, spec });
}

/** A role whose options hold what no schema lets pass. */
export function makeBrokenRole(name: string, spec: RoleSpec, options: object): Role {
  const role = makeRole(name, spec);
  return { ...role, spec: { ...role.spec, options: { ...role.spec.options, ...options } } };
}

/** A lock on `target`, without end unless `expires` is given. */
export function makeLock(target: LockTarget, expires?: string, message?: string): Lock {
  return lockSchema.parse({
    kind: "lock",
    metadata: { name: "lock-1" },
    spec: {
      target,
      ...(expires === undefined ? {} : { expires }),
      ...(message === undefined ? {} : { message }),
    },
  });
}

/** A cluster preference with these fields of the spec. */
export function makePreference(spec: object = {}): ClusterAuthPreference {
  return clusterAuthPreferenceSchema.parse({
    kind: "cluster_auth_preference",
    metadata: {},
    spec,
  });
}

/** A current policy of these roles. */
export function makePolicy(roles: readonly Role[], changes: Partial<PolicyView> = {}): PolicyView {
  return {
    roles: new Map(roles.map((role) => [role.metadata.name, role])),
    authPreference: makePreference(),
    locks: [],
    devices: new Map(),
    current: true,
    ...changes,
  };
}

/** The server that tests reach. */
export const testServer = {
  id: "9b1f2c5e-0000-4000-8000-000000000001",
  hostname: "ip-172-31-35-170",
  labels: { env: "prod", team: "core" },
} as const;

/** A login on {@link testServer}. */
export function loginTarget(login = "root"): AccessTarget {
  return sshTarget(testServer, login);
}
