/**
 * How a type of event is described in the catalogue, and the groups of fields that many types
 * share.
 */
import type { FieldName } from "./fields.ts";

/** One type of event. */
export interface EventDefinition {
  /** What a listing calls it. */
  readonly title: string;
  /**
   * Its code, or one for success and one for failure; or a function for types whose code says more.
   * The last letter is the severity: I for information, W for a warning, E for an error.
   */
  readonly code:
    | string
    | { readonly success: string; readonly failure: string }
    | ((fields: Readonly<Record<string, unknown>>) => string);
  /** Fields that must be given. */
  readonly requires: readonly FieldName[];
  /** Fields that may be given besides. */
  readonly allows: readonly FieldName[];
}

/**
 * Who did it; every type allows these. `trusted_device` is left out of device events, which have
 * `device`.
 */
export const actorFields = [
  "user",
  "login",
  "user_kind",
  "impersonator",
  "trusted_device",
  "private_key_policy",
  "required_private_key_policy",
  "access_requests",
] as const;

/** From where, and how it went; every type allows these. */
export const commonFields = [
  "addr.local",
  "addr.remote",
  "user_agent",
  "proto",
  "success",
  "error",
  "message",
  "reason",
  "refusal",
] as const;

/** A resource that was written. */
export const resourceFields = ["expires", "updated_by"] as const;

/** The server of a session. */
export const serverFields = [
  "namespace",
  "server_id",
  "server_hostname",
  "server_addr",
  "server_labels",
  "server_version",
] as const;

/** The database of a session. */
export const databaseFields = [
  "server_id",
  "db_service",
  "db_protocol",
  "db_uri",
  "db_name",
  "db_user",
  "db_type",
  "db_origin",
] as const;

/** The Kubernetes cluster of a request or session, and who somebody is inside of it. */
export const kubernetesFields = [
  "kubernetes_cluster",
  "kubernetes_users",
  "kubernetes_groups",
  "kubernetes_labels",
  "kubernetes_pod_namespace",
  "kubernetes_pod_name",
  "kubernetes_container_name",
] as const;
