/** Preset `access`: reach every resource of the cluster as the accounts that one's traits name. */
import type { Role } from "../role.ts";
import { anyLabel, definePreset, readOnly } from "./preset.ts";

/** The preset role `access`. */
export function presetAccess(): Role {
  return definePreset("v7", "access", "Access cluster resources", {
    options: { forward_agent: true },
    allow: {
      node_labels: anyLabel,
      app_labels: anyLabel,
      kubernetes_labels: anyLabel,
      windows_desktop_labels: anyLabel,
      db_labels: anyLabel,
      db_service_labels: anyLabel,
      logins: ["{{internal.logins}}"],
      windows_desktop_logins: ["{{internal.windows_logins}}"],
      kubernetes_users: ["{{internal.kubernetes_users}}"],
      kubernetes_groups: ["{{internal.kubernetes_groups}}"],
      kubernetes_resources: [{ kind: "*", namespace: "*", name: "*", verbs: ["*"] }],
      db_names: ["{{internal.db_names}}"],
      db_users: ["{{internal.db_users}}"],
      db_roles: ["{{internal.db_roles}}"],
      aws_role_arns: ["{{internal.aws_role_arns}}"],
      azure_identities: ["{{internal.azure_identities}}"],
      gcp_service_accounts: ["{{internal.gcp_service_accounts}}"],
      rules: [
        { resources: ["event"], verbs: readOnly },
        {
          resources: ["session"],
          verbs: ["read", "list"],
          where: "contains(session.participants, user.metadata.name)",
        },
        { resources: ["instance"], verbs: readOnly },
        { resources: ["cluster_maintenance_config"], verbs: readOnly },
      ],
    },
  });
}
