/**
 * Where documents and messages differ in more than capitals: the exceptions of the reflective converter, one line
 * each. A field that is not here has the key that {@link keyOf} derives from its name, and the form that its type
 * says. Names are those of the public API (its JSON tags).
 */
import type { DescField } from "@bufbuild/protobuf";

/** What is special about a field. */
export interface FieldRule {
  /** Its key in a document, when the name does not tell. */
  readonly key?: string;
  /** An int64 of nanoseconds that a document writes as "12h0m0s". */
  readonly duration?: true;
  /** Shown even when it has its default value: the absence would mean something else. */
  readonly always?: true;
  /** Never part of a document. */
  readonly hidden?: true;
  /** An enum that a document writes as its number. */
  readonly numeric?: true;
}

const duration = { duration: true } as const;
const always = { always: true } as const;
const hidden = { hidden: true } as const;
const key = (name: string) => ({ key: name });

/** By message and field, without the package `types`. */
const rules: ReadonlyMap<string, FieldRule> = new Map<string, FieldRule>([
  ["Metadata.Namespace", hidden],
  ["UserV2.Spec", always],
  ["UserSpecV2.LocalAuth", hidden],
  ["UserSpecV2.TrustedDeviceIDs", key("trusted_device_ids")],
  ["UserStatusV2.password_state", { numeric: true }],
  ["UserStatusV2.mfa_weakest_device", { numeric: true }],
  ["ExternalIdentity.SAMLSingleLogoutURL", key("samlSingleLogoutUrl")],
  ["RoleOptions.MaxSessionTTL", duration],
  ["RoleOptions.CertificateFormat", key("cert_format")],
  ["RoleOptions.ClientIdleTimeout", duration],
  ["RoleOptions.BPF", key("enhanced_recording")],
  ["RoleOptions.RequireMFAType", key("require_session_mfa")],
  ["RoleOptions.CreateDatabaseUser", key("create_db_user")],
  ["RoleOptions.DatabaseAudit", key("db_audit")],
  ["RoleOptions.CreateDatabaseUserMode", key("create_db_user_mode")],
  ["RoleConditions.KubeGroups", key("kubernetes_groups")],
  ["RoleConditions.KubeUsers", key("kubernetes_users")],
  ["RoleConditions.DatabaseLabels", key("db_labels")],
  ["RoleConditions.DatabaseNames", key("db_names")],
  ["RoleConditions.DatabaseUsers", key("db_users")],
  ["RoleConditions.AWSRoleARNs", key("aws_role_arns")],
  ["RoleConditions.DatabaseServiceLabels", key("db_service_labels")],
  ["RoleConditions.DatabaseRoles", key("db_roles")],
  ["RoleConditions.DatabaseLabelsExpression", key("db_labels_expression")],
  ["RoleConditions.DatabaseServiceLabelsExpression", key("db_service_labels_expression")],
  ["RoleConditions.DatabasePermissions", key("db_permissions")],
  ["RoleConditions.git_hub_permissions", key("github_permissions")],
  ["GitHubPermission.organizations", key("orgs")],
  ["SPIFFERoleCondition.Path", always],
  ["SPIFFERoleCondition.DNSSANs", key("dns_sans")],
  ["SPIFFERoleCondition.IPSANs", key("ip_sans")],
  ["Rule.Resources", always],
  ["Rule.Verbs", always],
  ["CertExtension.Type", always],
  ["CertExtension.Mode", always],
  ["CertExtension.Name", always],
  ["ClaimMapping.Claim", always],
  ["ClaimMapping.Value", always],
  ["DatabasePermission.Permissions", always],
  ["KubernetesResource.Kind", always],
  ["RequestKubernetesResource.kind", always],
  ["AccessRequestConditions.MaxDuration", duration],
  ["LockV2.Spec", always],
  ["LockSpecV2.Target", always],
  ["ProvisionTokenV2.Spec", always],
  ["ProvisionTokenSpecV2.AWSIIDTTL", { duration: true, key: "aws_iid_ttl" }],
  ["ProvisionTokenSpecV2.Roles", always],
  ["ProvisionTokenSpecV2.GitHub", key("github")],
  ["ProvisionTokenSpecV2.CircleCI", key("circleci")],
  ["ProvisionTokenSpecV2.GitLab", key("gitlab")],
  ["AuthPreferenceSpecV2.U2F", key("u2f")],
  ["AuthPreferenceSpecV2.RequireMFAType", key("require_session_mfa")],
  ["AuthPreferenceSpecV2.DefaultSessionTTL", duration],
  ["U2F.DeviceAttestationCAs", key("device_attestation_cas")],
  ["Webauthn.RPID", key("rp_id")],
  ["Webauthn.AttestationAllowedCAs", key("attestation_allowed_cas")],
  ["Webauthn.AttestationDeniedCAs", key("attestation_denied_cas")],
  ["DeviceTrust.EKCertAllowedCAs", key("ekcert_allowed_cas")],
  ["HardwareKey.PinCacheTTL", duration],
  ["OktaOptions.SyncPeriod", duration],
  ["ClusterNetworkingConfigSpecV2.ClientIdleTimeout", duration],
  ["ClusterNetworkingConfigSpecV2.KeepAliveInterval", duration],
  ["ClusterNetworkingConfigSpecV2.SessionControlTimeout", duration],
  ["ClusterNetworkingConfigSpecV2.ClientIdleTimeoutMessage", key("idle_timeout_message")],
  ["ClusterNetworkingConfigSpecV2.WebIdleTimeout", duration],
  ["ClusterNetworkingConfigSpecV2.ProxyListenerMode", { numeric: true, always: true }],
  ["ClusterNetworkingConfigSpecV2.RoutingStrategy", { numeric: true }],
  ["ClusterNetworkingConfigSpecV2.ProxyPingInterval", duration],
  ["ClusterNetworkingConfigSpecV2.SSHDialTimeout", duration],
  ["ServerV2.Spec", always],
  ["ServerSpecV2.Hostname", always],
  ["ServerSpecV2.ProxyIDs", key("proxy_ids")],
  ["CommandLabelV2.Period", duration],
  ["DatabaseV3.Spec", always],
  ["DatabaseSpecV3.Protocol", always],
  ["DatabaseSpecV3.URI", always],
  ["DatabaseSpecV3.CACert", key("ca_cert")],
  ["DatabaseSpecV3.MySQL", key("mysql")],
  ["DatabaseStatusV3.MySQL", key("mysql")],
  ["DatabaseTLS.CACert", key("ca_cert")],
  ["DatabaseServerV3.Spec", always],
  ["DatabaseServerSpecV3.Hostname", always],
  ["DatabaseServerSpecV3.ProxyIDs", key("proxy_ids")],
  ["KubernetesClusterV3.Spec", always],
  ["KubernetesServerV3.Spec", always],
  ["KubernetesServerSpecV3.Hostname", always],
  ["KubernetesServerSpecV3.ProxyIDs", key("proxy_ids")],
  ["AWSInfo.VPCID", key("vpc_id")],
  ["Rotation.GracePeriod", duration],
  ["CertAuthorityV2.Spec", always],
  ["RoleMapping.Remote", always],
  ["RoleMapping.Local", always],
]);

// There are only as many fields as messages declare, and a listing asks for each of them thousands of times.
const knownRules = new Map<DescField, FieldRule | undefined>();
const knownKeys = new Map<DescField, string>();

/** The rule of a field, or undefined when it follows its name and type. */
export function ruleOf(field: DescField): FieldRule | undefined {
  let rule = knownRules.get(field);
  if (rule === undefined && !knownRules.has(field)) {
    rule = rules.get(`${field.parent.name}.${field.name}`);
    knownRules.set(field, rule);
  }
  return rule;
}

/** The messages and fields that have rules, for the test that holds them against the descriptors. */
export const ruledFields: readonly string[] = [...rules.keys()];

/** The key of a field in a document: its rule's, or its name in snake_case ("SSHFileCopy" is "ssh_file_copy"). */
export function keyOf(field: DescField): string {
  let key = knownKeys.get(field);
  if (key === undefined) {
    key = ruleOf(field)?.key ?? snakeCase(field.name);
    knownKeys.set(field, key);
  }
  return key;
}

function snakeCase(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
    .replace(/([A-Z]+)([A-Z][a-z])/g, "$1_$2")
    .toLowerCase();
}
