/**
 * Events about resources of the cluster: users, roles, locks, tokens, settings, and agents that
 * join.
 */
import { type EventDefinition, resourceFields } from "../definition.ts";

export const resourceEvents = {
  "user.create": {
    title: "User Created",
    code: "T1002I",
    requires: ["name", "user", "roles"],
    allows: [...resourceFields, "connector"],
  },
  "user.update": {
    title: "User Updated",
    code: "T1003I",
    requires: ["name", "user", "roles"],
    allows: [...resourceFields, "connector"],
  },
  "user.delete": {
    title: "User Deleted",
    code: "T1004I",
    requires: ["name", "user"],
    allows: resourceFields,
  },
  "role.created": {
    title: "Role Created",
    code: "T9000I",
    requires: ["name", "user"],
    allows: resourceFields,
  },
  "role.updated": {
    title: "Role Updated",
    code: "T9002I",
    requires: ["name", "user"],
    allows: resourceFields,
  },
  "role.deleted": {
    title: "Role Deleted",
    code: "T9001I",
    requires: ["name", "user"],
    allows: resourceFields,
  },
  "lock.created": {
    title: "Lock Created",
    code: "TLK00I",
    requires: ["name", "user", "target"],
    allows: [...resourceFields, "lock"],
  },
  "lock.deleted": {
    title: "Lock Deleted",
    code: "TLK01I",
    requires: ["name", "user"],
    allows: [...resourceFields, "lock", "target"],
  },
  // The name of a join token is the token: it is never a field.
  "join_token.create": {
    title: "Join Token Created",
    code: "TJT00I",
    requires: ["user", "roles", "join_method"],
    allows: ["expires"],
  },
  "join_token.delete": {
    title: "Join Token Deleted",
    code: "GH001I",
    requires: ["user"],
    allows: ["roles", "join_method"],
  },
  "instance.join": {
    title: "Instance Joined",
    code: { success: "TJ002I", failure: "TJ002E" },
    requires: ["success", "method"],
    allows: ["host_id", "node_name", "role", "roles"],
  },
  "auth_preference.update": {
    title: "Cluster Authentication Preferences Updated",
    code: "TCAUTH001I",
    requires: ["user"],
    allows: resourceFields,
  },
  "cluster_networking_config.update": {
    title: "Cluster Networking Configuration Updated",
    code: "TCNET002I",
    requires: ["user"],
    allows: resourceFields,
  },
  "session_recording_config.update": {
    title: "Session Recording Configuration Updated",
    code: "TCREC003I",
    requires: ["user"],
    allows: resourceFields,
  },
  "attestation_policy.update": {
    title: "Attestation Policy Updated",
    code: "GH021I",
    requires: ["user", "message"],
    allows: resourceFields,
  },
  "cert_authority.create": {
    title: "Certificate Authority Created",
    code: "GH002I",
    requires: ["name"],
    allows: resourceFields,
  },
  "resource.write": {
    title: "Resource Written",
    code: "GH003I",
    requires: ["kind", "name", "user"],
    allows: resourceFields,
  },
  "resource.delete": {
    title: "Resource Deleted",
    code: "GH004I",
    requires: ["kind", "name", "user"],
    allows: [],
  },
  "access.denied": {
    title: "Access Denied",
    code: "GH005W",
    requires: ["user", "rpc", "error"],
    allows: ["rule", "kind", "name"],
  },
  "user.lockout": {
    title: "User Locked Out After Failed Logins",
    code: "GH006W",
    requires: ["user"],
    allows: ["expires"],
  },
  "auth.start": {
    title: "Auth Service Started",
    code: "GH007I",
    requires: ["server_version"],
    allows: ["host_id"],
  },
} as const satisfies Record<string, EventDefinition>;
