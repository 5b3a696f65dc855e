/**
 * `spec.allow` and `spec.deny` of a role: to whom and what the role says yes or no. Fields of
 * services that come later (databases, Kubernetes, applications, desktops, access requests) are
 * checked and kept.
 */
import * as z from "zod";
import { labelPatterns, traits } from "./labels.ts";
import { labelExpression, predicate, templateList, whereClause } from "./language.ts";
import {
  count,
  duration,
  filledText,
  listOf,
  mapList,
  oneOf,
  optional,
  text,
  textList,
} from "./scalar.ts";

/** Every verb that a rule may name. */
export const verbs = [
  "*",
  "list",
  "create",
  "read",
  "readnosecrets",
  "update",
  "delete",
  "rotate",
  "create_enroll_token",
  "enroll",
  "use",
  "activate",
] as const;

/** What a rule may let someone do with a kind of resource. */
export type Verb = (typeof verbs)[number];

const rule = z.strictObject({
  resources: listOf(filledText),
  verbs: listOf(oneOf(verbs)),
  where: whereClause,
  actions: optional(textList),
});

const claimMapping = z.strictObject({ claim: text, value: text, roles: optional(textList) });

const request = z.strictObject({
  roles: optional(textList),
  claims_to_roles: optional(mapList(claimMapping)),
  annotations: optional(traits),
  thresholds: optional(
    mapList(
      z.strictObject({
        name: optional(text),
        filter: predicate,
        approve: optional(count),
        deny: optional(count),
      }),
    ),
  ),
  suggested_reviewers: optional(textList),
  search_as_roles: optional(textList),
  max_duration: optional(duration),
  kubernetes_resources: optional(
    mapList(z.strictObject({ kind: text, api_group: optional(text) })),
  ),
  reason: optional(
    z.strictObject({
      mode: optional(oneOf(["required", "optional"])),
      prompt: optional(text),
    }),
  ),
});

const sessionKinds = listOf(oneOf(["ssh", "k8s", "db", "app", "windows_desktop", "*"]));
const sessionModes = listOf(oneOf(["observer", "moderator", "peer"]));

const requireSessionJoin = z.strictObject({
  name: optional(text),
  filter: predicate,
  kinds: optional(sessionKinds),
  count: optional(count),
  modes: optional(sessionModes),
  on_leave: optional(oneOf(["terminate", "pause", ""])),
});

const joinSessions = z.strictObject({
  name: optional(text),
  roles: optional(textList),
  kinds: optional(sessionKinds),
  modes: optional(sessionModes),
});

const kubernetesResource = z.strictObject({
  kind: text,
  namespace: optional(text),
  name: optional(text),
  verbs: optional(textList),
  api_group: optional(text),
});

/** Strict schema of one side of a role, in the order in which JSON shows it. */
export const roleConditions = z.strictObject({
  logins: optional(templateList),
  namespaces: optional(textList),
  node_labels: optional(labelPatterns),
  rules: optional(mapList(rule)),
  kubernetes_groups: optional(templateList),
  request: optional(request),
  kubernetes_users: optional(templateList),
  app_labels: optional(labelPatterns),
  cluster_labels: optional(labelPatterns),
  kubernetes_labels: optional(labelPatterns),
  db_labels: optional(labelPatterns),
  db_names: optional(templateList),
  db_users: optional(templateList),
  impersonate: optional(
    z.strictObject({
      users: optional(templateList),
      roles: optional(templateList),
      where: whereClause,
    }),
  ),
  review_requests: optional(
    z.strictObject({
      roles: optional(textList),
      claims_to_roles: optional(mapList(claimMapping)),
      where: predicate,
      preview_as_roles: optional(textList),
    }),
  ),
  aws_role_arns: optional(templateList),
  windows_desktop_logins: optional(templateList),
  windows_desktop_labels: optional(labelPatterns),
  require_session_join: optional(mapList(requireSessionJoin)),
  join_sessions: optional(mapList(joinSessions)),
  host_groups: optional(templateList),
  host_sudoers: optional(templateList),
  azure_identities: optional(templateList),
  kubernetes_resources: optional(mapList(kubernetesResource)),
  gcp_service_accounts: optional(templateList),
  db_service_labels: optional(labelPatterns),
  group_labels: optional(labelPatterns),
  desktop_groups: optional(templateList),
  db_roles: optional(templateList),
  node_labels_expression: labelExpression,
  app_labels_expression: labelExpression,
  cluster_labels_expression: labelExpression,
  kubernetes_labels_expression: labelExpression,
  db_labels_expression: labelExpression,
  db_service_labels_expression: labelExpression,
  windows_desktop_labels_expression: labelExpression,
  group_labels_expression: labelExpression,
  db_permissions: optional(
    mapList(z.strictObject({ permissions: textList, match: optional(labelPatterns) })),
  ),
  spiffe: optional(
    mapList(
      z.strictObject({ path: text, dns_sans: optional(textList), ip_sans: optional(textList) }),
    ),
  ),
  account_assignments: optional(
    mapList(z.strictObject({ permission_set: optional(text), account: optional(text) })),
  ),
  github_permissions: optional(mapList(z.strictObject({ orgs: optional(templateList) }))),
  workload_identity_labels: optional(labelPatterns),
  workload_identity_labels_expression: labelExpression,
  mcp: optional(z.strictObject({ tools: optional(templateList) })),
  linux_desktop_logins: optional(templateList),
  linux_desktop_labels: optional(labelPatterns),
  linux_desktop_labels_expression: labelExpression,
});

/** One side of a role as a canonical document. */
export type RoleConditions = z.output<typeof roleConditions>;

/** One rule: kinds of resources, verbs, and a condition. */
export type Rule = z.output<typeof rule>;
