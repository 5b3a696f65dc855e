/** Preset `editor`: change the configuration of the cluster. It gives no access to servers. */
import type { Role } from "../role.ts";
import { definePreset, readOnly, readWrite, rulesFor } from "./preset.ts";

const edited = [
  "user",
  "role",
  "bot",
  "crown_jewel",
  "db_object_import_rule",
  "oidc",
  "saml",
  "github",
  "oidc_request",
  "saml_request",
  "github_request",
  "cluster_audit_config",
  "cluster_auth_preference",
  "auth_connector",
  "cluster_name",
  "cluster_networking_config",
  "session_recording_config",
  "attestation_policy",
  "external_audit_storage",
  "ui_config",
  "trusted_cluster",
  "remote_cluster",
  "token",
  "connection_diagnostic",
  "db",
  "database_certificate",
  "installer",
  "login_rule",
  "saml_idp_service_provider",
  "user_group",
  "plugin",
  "okta_import_rule",
  "okta_assignment",
  "lock",
  "billing",
  "cluster_alert",
  "access_list",
  "node",
  "discovery_config",
  "access_graph",
  "server_info",
  "access_monitoring_rule",
  "app_server",
  "vnet_config",
  "bot_instance",
  "access_graph_settings",
  "spiffe_federation",
  "notification",
  "static_host_user",
  "user_task",
] as const;

/** The preset role `editor`. */
export function presetEditor(): Role {
  return definePreset("v7", "editor", "Edit cluster configuration", {
    options: { forward_agent: true, record_session: { desktop: false } },
    allow: {
      rules: [
        ...rulesFor(edited, readWrite),
        { resources: ["device"], verbs: [...readWrite, "create_enroll_token", "enroll"] },
        ...rulesFor(["integration", "security_report", "audit_query"], [...readWrite, "use"]),
        ...rulesFor(["db_service", "instance"], readOnly),
      ],
    },
  });
}
