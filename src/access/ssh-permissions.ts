/**
 * What an SSH certificate and an SSH session permit besides the login. A certificate permits what some role permits;
 * a session permits what both the certificate and a role that matches the server permit. Copying files needs every
 * role of the user, and one role that refuses a forwarding by name refuses it for all, as in the public API.
 */
import type { SshPermissions, UserIdentity } from "#identity/identity.ts";
import type { Role } from "#resource/role.ts";
import type { RoleSet } from "./role-set.ts";

/** What a session may do; what is false is refused. */
export interface SessionPermissions {
  readonly pty: boolean;
  readonly localForwarding: boolean;
  readonly remoteForwarding: boolean;
  readonly agentForwarding: boolean;
  readonly x11Forwarding: boolean;
  /** sftp and scp. */
  readonly fileCopy: boolean;
}

/** The `permit-…` extensions of a certificate for the holder of these roles. */
export function certificatePermissions({ roles }: RoleSet): SshPermissions {
  return {
    pty: true,
    portForwarding: permitsForwarding(roles, "local") || permitsForwarding(roles, "remote"),
    agentForwarding: roles.some((role) => role.spec.options.forward_agent === true),
    x11Forwarding: roles.some((role) => role.spec.options.permit_x11_forwarding === true),
  };
}

/** What a session on a server may do; `matching` are the roles that granted it. */
export function sessionPermissions(
  identity: Pick<UserIdentity, "permit">,
  roleSet: RoleSet,
  matching: readonly Role[],
): SessionPermissions {
  const { permit } = identity;
  const role = certificatePermissions({ ...roleSet, roles: matching });
  return {
    pty: permit.pty && matching.length > 0,
    localForwarding: permit.portForwarding && permitsForwarding(matching, "local"),
    remoteForwarding: permit.portForwarding && permitsForwarding(matching, "remote"),
    agentForwarding: permit.agentForwarding && role.agentForwarding,
    x11Forwarding: permit.x11Forwarding && role.x11Forwarding,
    fileCopy:
      matching.length > 0 &&
      roleSet.roles.every((held) => held.spec.options.ssh_file_copy !== false),
  };
}

function permitsForwarding(roles: readonly Role[], direction: "local" | "remote"): boolean {
  const refused = roles.some(
    ({ spec }) => spec.options.ssh_port_forwarding?.[direction]?.enabled === false,
  );
  if (refused) return false;
  return roles.some(({ spec: { options } }) => {
    if (options.ssh_port_forwarding?.[direction]?.enabled === true) return true;
    return options.port_forwarding ?? true;
  });
}
