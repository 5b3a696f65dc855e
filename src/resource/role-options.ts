/** `spec.options` of a role: what sessions under the role may do and must fulfil. */
import * as z from "zod";
import { devicePosture } from "./device-posture.ts";
import { count, duration, flag, mapList, oneOf, oneOfOrNothing, optional, text } from "./scalar.ts";

/** Demands of a device, at the cluster and in a role. */
export const deviceTrustModes = ["off", "optional", "required", "required-for-humans"] as const;

const lockingMode = oneOf(["strict", "best_effort"]);

/** Whether each session needs a fresh second factor: false, true, or which hardware key. */
export const requireSessionMfa = z.preprocess(
  (value) => {
    if (value === true || value === "true" || value === "yes" || value === "on") return "session";
    return value === false || value === "false" || value === "no" || value === "" ? "off" : value;
  },
  z
    .enum([
      "off",
      "session",
      "hardware_key",
      "hardware_key_touch",
      "hardware_key_pin",
      "hardware_key_touch_and_pin",
    ])
    .transform((mode) => (mode === "off" ? false : mode === "session" ? true : mode)),
);

const forwarding = optional(z.strictObject({ enabled: optional(flag) }));

/** Ours: what the audit log keeps of databases. Without a value that changes something it is as good as absent. */
const databaseAudit = z
  .strictObject({
    /** Leaves the text of statements out. */
    omit_query_text: optional(flag),
  })
  .transform(({ omit_query_text: omit }) =>
    omit === true ? { omit_query_text: true } : undefined,
  );

/** Strict schema of the options, in the order in which JSON shows them. */
export const roleOptions = z.strictObject({
  forward_agent: optional(flag),
  max_session_ttl: optional(duration),
  port_forwarding: optional(flag),
  cert_format: optional(oneOf(["standard", "oldssh", "unspecified"])),
  client_idle_timeout: optional(duration),
  disconnect_expired_cert: optional(flag),
  enhanced_recording: optional(
    z.preprocess(
      (value) => (typeof value === "string" ? [value] : value),
      z.array(oneOf(["command", "disk", "network"])),
    ),
  ),
  permit_x11_forwarding: optional(flag),
  max_connections: optional(count),
  max_sessions: optional(count),
  request_access: optional(oneOf(["optional", "always", "reason"])),
  request_prompt: optional(text),
  lock: optional(lockingMode),
  record_session: optional(
    z.strictObject({
      default: optional(lockingMode),
      desktop: optional(flag),
      ssh: optional(lockingMode),
    }),
  ),
  desktop_clipboard: optional(flag),
  cert_extensions: optional(
    mapList(
      z.strictObject({
        type: oneOf(["ssh"]),
        mode: oneOf(["extension"]),
        name: text,
        value: optional(text),
      }),
    ),
  ),
  max_kubernetes_connections: optional(count),
  desktop_directory_sharing: optional(flag),
  create_host_user: optional(flag),
  pin_source_ip: optional(flag),
  ssh_file_copy: optional(flag),
  require_session_mfa: optional(requireSessionMfa),
  device_trust_mode: oneOfOrNothing(deviceTrustModes),
  device_posture: optional(devicePosture),
  idp: optional(z.strictObject({ saml: optional(z.strictObject({ enabled: optional(flag) })) })),
  create_desktop_user: optional(flag),
  create_db_user: optional(flag),
  create_host_user_mode: optional(oneOf(["off", "keep", "insecure-drop"])),
  create_db_user_mode: optional(oneOf(["off", "keep", "best_effort_drop"])),
  mfa_verification_interval: optional(duration),
  create_host_user_default_shell: optional(text),
  db_audit: optional(databaseAudit),
  ssh_port_forwarding: optional(z.strictObject({ local: forwarding, remote: forwarding })),
});

/** The options of a role as a canonical document. */
export type RoleOptions = z.output<typeof roleOptions>;
