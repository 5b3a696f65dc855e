/** Preset `terraform-provider`: what an automation needs to keep the configuration of a cluster. */
import type { Role } from "../role.ts";
import { anyLabel, definePreset, readWrite, rulesFor } from "./preset.ts";

const kept = [
  "access_list",
  "app",
  "cluster_auth_preference",
  "cluster_maintenance_config",
  "cluster_networking_config",
  "db",
  "device",
  "github",
  "login_rule",
  "node",
  "oidc",
  "okta_import_rule",
  "role",
  "saml",
  "session_recording_config",
  "token",
  "trusted_cluster",
  "user",
  "bot",
  "installer",
  "access_monitoring_rule",
  "static_host_user",
] as const;

/** The preset role `terraform-provider`. */
export function presetTerraformProvider(): Role {
  return definePreset("v7", "terraform-provider", "Keep cluster configuration with Terraform", {
    allow: {
      app_labels: anyLabel,
      db_labels: anyLabel,
      node_labels: anyLabel,
      rules: rulesFor(kept, readWrite),
    },
  });
}
