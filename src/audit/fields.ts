/**
 * Every field that an event may have: what it may hold, and its class. A field that is not in this
 * table, at any depth, is a secret and is written as "[redacted]". Names are those of the public
 * API.
 */

/** Who may see a field: everybody who may read the log, or only where personal data may go. */
export type FieldClass = "public" | "personal";

/**
 * What a field may hold. A nested table holds an object; `labels` maps names to text, `traits`
 * names to lists of texts.
 */
export type FieldShape = "text" | "number" | "flag" | "texts" | "labels" | "traits" | FieldTable;

/** One field. */
export interface Field<S extends FieldShape = FieldShape> {
  readonly class: FieldClass;
  readonly shape: S;
}

/** Fields by name. */
export interface FieldTable {
  readonly [name: string]: Field;
}

function open<const S extends FieldShape>(shape: S): Field<S> {
  return { class: "public", shape };
}

function personal<const S extends FieldShape>(shape: S): Field<S> {
  return { class: "personal", shape };
}

/**
 * A device, in device events and in the metadata of users who came from one (spec: device
 * metadata).
 */
const device = {
  device_id: open("text"),
  os_type: open("number"),
  asset_tag: open("text"),
  credential_id: open("text"),
  device_origin: open("number"),
  web_authentication: open("flag"),
  web_authentication_id: open("text"),
};

const mfaDevice = {
  mfa_device_name: open("text"),
  mfa_device_uuid: open("text"),
  mfa_device_type: open("text"),
};

/** What a lock is aimed at. */
const lockTarget = {
  user: personal("text"),
  role: open("text"),
  login: personal("text"),
  node: open("text"),
  mfa_device: open("text"),
  windows_desktop: open("text"),
  access_request: open("text"),
  device: open("text"),
  server_id: open("text"),
};

/** The identity that a certificate was issued for. */
const identity = {
  user: personal("text"),
  roles: open("texts"),
  usage: open("texts"),
  logins: personal("texts"),
  expires: open("text"),
  route_to_cluster: open("text"),
  traits: personal("traits"),
  teleport_cluster: open("text"),
  client_ip: personal("text"),
  pinned_ip: personal("text"),
  prev_identity_expires: open("text"),
  private_key_policy: open("text"),
  mfa_device_uuid: open("text"),
  impersonator: personal("text"),
  access_requests: open("texts"),
  disallow_reissue: open("flag"),
  kubernetes_cluster: open("text"),
  kubernetes_users: personal("texts"),
  kubernetes_groups: open("texts"),
  database_names: open("texts"),
  database_users: personal("texts"),
  bot_name: open("text"),
  device_extensions: open({
    device_id: open("text"),
    asset_tag: open("text"),
    credential_id: open("text"),
  }),
};

/** Which rule refused, and what would help. */
const refusal = {
  check: open("text"),
  role: open("text"),
  rule: open("text"),
  device_trust_mode: open("text"),
  verdict: open("text"),
  posture_rule: open("text"),
  device_facts: personal("text"),
  missing_facts: open("text"),
  lock: open("text"),
  lock_target: open("text"),
  usage: open("text"),
  login: personal("text"),
  pinned_ip: personal("text"),
  client_ip: personal("text"),
  hint: open("text"),
};

/** All fields besides the five that every event has by itself. */
export const fields = {
  // Who
  user: personal("text"),
  login: personal("text"),
  user_kind: open("number"),
  impersonator: personal("text"),
  trusted_device: open(device),
  private_key_policy: open("text"),
  required_private_key_policy: open("text"),
  access_requests: open("texts"),
  // From where
  "addr.local": personal("text"),
  "addr.remote": personal("text"),
  user_agent: personal("text"),
  proto: open("text"),
  // How it went
  success: open("flag"),
  error: open("text"),
  message: open("text"),
  reason: open("text"),
  refusal: open(refusal),
  // What: resources
  name: personal("text"),
  expires: open("text"),
  ttl: open("text"),
  updated_by: personal("text"),
  connector: open("text"),
  roles: open("texts"),
  join_method: open("text"),
  kind: open("text"),
  target: open(lockTarget),
  lock: open({ target: open(lockTarget), message: open("text"), expires: open("text") }),
  // Login and certificates
  method: open("text"),
  mfa_device: open(mfaDevice),
  ...mfaDevice,
  challenge_scope: open("text"),
  with_mfa: open("text"),
  cert_type: open("text"),
  identity: open(identity),
  // Devices
  device: open(device),
  // Servers and sessions
  namespace: open("text"),
  server_id: open("text"),
  server_hostname: open("text"),
  server_addr: open("text"),
  server_labels: open("labels"),
  server_version: open("text"),
  host_id: open("text"),
  node_name: open("text"),
  role: open("text"),
  sid: open("text"),
  session_start: open("text"),
  session_stop: open("text"),
  session_recording: open("text"),
  initial_command: personal("texts"),
  interactive: open("flag"),
  enhanced_recording: open("flag"),
  participants: personal("texts"),
  size: open("text"),
  tx: open("number"),
  rx: open("number"),
  maximum: open("number"),
  // Commands, files and forwarding
  command: personal("text"),
  // The public API spells these two so.
  exitCode: open("text"),
  exitError: open("text"),
  addr: personal("text"),
  working_directory: personal("text"),
  path: personal("text"),
  target_path: personal("text"),
  flags: open("number"),
  action: open("number"),
  attributes: open({
    file_size: open("number"),
    uid: open("number"),
    gid: open("number"),
    permissions: open("number"),
  }),
  // Databases
  db_service: open("text"),
  db_protocol: open("text"),
  db_uri: open("text"),
  db_name: open("text"),
  db_user: personal("text"),
  db_type: open("text"),
  db_origin: open("text"),
  db_query: personal("text"),
  // Kubernetes
  kubernetes_cluster: open("text"),
  kubernetes_users: personal("texts"),
  kubernetes_groups: open("texts"),
  kubernetes_labels: open("labels"),
  kubernetes_pod_namespace: open("text"),
  kubernetes_pod_name: open("text"),
  kubernetes_container_name: open("text"),
  request_path: open("text"),
  verb: open("text"),
  resource_api_group: open("text"),
  resource_kind: open("text"),
  resource_namespace: open("text"),
  resource_name: open("text"),
  response_code: open("number"),
  // Access decisions of our own
  rpc: open("text"),
  rule: open("text"),
} as const satisfies FieldTable;

/** Names of fields. */
export type FieldName = keyof typeof fields;

/** The TypeScript type of what a field of this shape holds. */
export type ValueOf<S> = S extends "text"
  ? string
  : S extends "number"
    ? number
    : S extends "flag"
      ? boolean
      : S extends "texts"
        ? readonly string[]
        : S extends "labels"
          ? Readonly<Record<string, string>>
          : S extends "traits"
            ? Readonly<Record<string, readonly string[] | null>>
            : {
                readonly [K in keyof S]?: S[K] extends Field<infer N>
                  ? ValueOf<N> | null | undefined
                  : never;
              };
