/**
 * The defaults of a role, which depend on its version: what the public API fills in when a role is
 * stored (spec: role `CheckAndSetDefaults`). Nothing that the author wrote is changed.
 */
import type { Metadata } from "./metadata.ts";
import type { RoleConditions } from "./role-conditions.ts";
import type { RoleOptions } from "./role-options.ts";

interface BareRole {
  kind: "role";
  sub_kind?: string | undefined;
  version: "v3" | "v4" | "v5" | "v6" | "v7" | "v8";
  metadata: Metadata;
  spec: { options: RoleOptions; allow: RoleConditions; deny: RoleConditions };
}

/** The role with every default that it does not state. */
export function fillRoleDefaults(role: BareRole): BareRole {
  const { options, allow, deny } = role.spec;
  return {
    ...role,
    spec: {
      options: fillOptions(options),
      allow: fillKubernetes(
        role.version,
        role.version === "v3" ? fillLabels(allow) : dropNamespaces(allow),
      ),
      deny: dropNamespaces(deny),
    },
  };
}

function fillOptions(options: RoleOptions): RoleOptions {
  return {
    ...options,
    forward_agent: options.forward_agent ?? false,
    max_session_ttl: options.max_session_ttl ?? "30h0m0s",
    port_forwarding:
      options.port_forwarding ?? (options.ssh_port_forwarding === undefined ? true : undefined),
    cert_format: options.cert_format ?? "standard",
    enhanced_recording: options.enhanced_recording ?? ["command", "network"],
    record_session: {
      ...options.record_session,
      default: options.record_session?.default ?? "best_effort",
      desktop: options.record_session?.desktop ?? true,
    },
    desktop_clipboard: options.desktop_clipboard ?? true,
    desktop_directory_sharing: options.desktop_directory_sharing ?? true,
    pin_source_ip: options.pin_source_ip ?? false,
    ssh_file_copy: options.ssh_file_copy ?? true,
    idp: { saml: { enabled: options.idp?.saml?.enabled ?? true } },
    create_desktop_user: options.create_desktop_user ?? false,
    create_db_user: options.create_db_user ?? false,
  };
}

/** The only namespace is "default", which is not shown. */
function dropNamespaces(conditions: RoleConditions): RoleConditions {
  const { namespaces: _dropped, ...kept } = conditions;
  return kept;
}

/** Version v3 grants every server, application, cluster and database unless it says otherwise. */
function fillLabels(allow: RoleConditions): RoleConditions {
  const all = { "*": ["*"] };
  return {
    ...dropNamespaces(allow),
    node_labels: allow.node_labels ?? all,
    app_labels: allow.app_labels ?? all,
    kubernetes_labels: allow.kubernetes_labels ?? all,
    db_labels: allow.db_labels ?? all,
  };
}

/**
 * A role that reaches Kubernetes clusters reaches pods (up to v6) or everything in them (from v7).
 */
function fillKubernetes(version: BareRole["version"], allow: RoleConditions): RoleConditions {
  const reaches =
    Object.keys(allow.kubernetes_labels ?? {}).length > 0 ||
    (allow.kubernetes_labels_expression ?? "") !== "";
  if (!reaches || (allow.kubernetes_resources ?? []).length > 0) return allow;
  const everything = { kind: "*", namespace: "*", name: "*", verbs: ["*"] };
  if (version === "v8") {
    return { ...allow, kubernetes_resources: [{ ...everything, api_group: "*" }] };
  }
  const kind = version === "v7" ? "*" : "pod";
  return { ...allow, kubernetes_resources: [{ ...everything, kind }] };
}
