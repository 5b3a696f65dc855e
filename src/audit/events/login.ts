/** Events about people proving who they are, and the certificates that they get. */
import type { EventDefinition } from "../definition.ts";

export const loginEvents = {
  "user.login": {
    title: "Login",
    code: { success: "T1000I", failure: "T1000W" },
    requires: ["user", "success", "method"],
    allows: ["mfa_device"],
  },
  auth: {
    title: "Authentication Failed",
    code: "T3007W",
    requires: ["user", "success", "error"],
    allows: ["server_id", "server_hostname"],
  },
  "cert.create": {
    title: "Certificate Issued",
    code: "TC000I",
    requires: ["cert_type", "identity"],
    allows: [],
  },
  "reset_password_token.create": {
    title: "Reset Password Token Created",
    code: "T6000I",
    requires: ["name", "user"],
    allows: ["expires", "ttl"],
  },
  "user.password_change": {
    title: "User Password Updated",
    code: "T1005I",
    requires: ["user"],
    allows: [],
  },
  "mfa.add": {
    title: "MFA Device Added",
    code: "T1006I",
    requires: ["user", "mfa_device_name", "mfa_device_uuid", "mfa_device_type"],
    allows: [],
  },
  "mfa.delete": {
    title: "MFA Device Deleted",
    code: "T1007I",
    requires: ["user", "mfa_device_name", "mfa_device_uuid", "mfa_device_type"],
    allows: [],
  },
  "mfa_auth_challenge.create": {
    title: "MFA Authentication Attempt",
    code: "T1015I",
    requires: ["user"],
    allows: ["challenge_scope"],
  },
  "mfa_auth_challenge.validate": {
    title: "MFA Authentication",
    code: { success: "T1016I", failure: "T1016W" },
    requires: ["user", "success"],
    allows: ["mfa_device", "challenge_scope"],
  },
  "session.reject": {
    title: "Session Rejected",
    code: "T1006W",
    requires: ["user", "reason"],
    allows: ["server_id", "server_hostname", "maximum"],
  },
} as const satisfies Record<string, EventDefinition>;
