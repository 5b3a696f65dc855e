/**
 * The layout of `tctl get`, as the reference prints it. The texts are what a user sees there, with
 * names and revisions of one real run.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { presetAccess } from "../presets/access.ts";
import { presetEditor } from "../presets/editor.ts";
import { parseDocuments } from "./documents.ts";
import { formatJson, formatYaml, formatYamlDocuments } from "./format.ts";

const goodRole = `kind: role
metadata:
  name: good2
  revision: 41b20a0c-9193-4370-936f-472475761a4c
spec:
  allow:
    logins:
    - root
  deny: {}
  options:
    cert_format: standard
    create_db_user: false
    create_desktop_user: false
    desktop_clipboard: true
    desktop_directory_sharing: true
    enhanced_recording:
    - command
    - network
    forward_agent: false
    idp:
      saml:
        enabled: true
    max_session_ttl: 30h0m0s
    pin_source_ip: false
    port_forwarding: true
    record_session:
      default: best_effort
      desktop: true
    ssh_file_copy: true
version: v7
`;

const user = `kind: user
metadata:
  name: alice
  revision: 535cbfe1-ee52-4590-96c5-1766a6058745
spec:
  created_by:
    time: "2026-11-21T05:43:25.670327295Z"
    user:
      name: 36c64587-5aec-46b0-bed9-c31c2327b8f0.teleport.example.com
  expires: "0001-01-01T00:00:00Z"
  roles:
  - access
  - editor
  - auditor
  status:
    is_locked: false
    lock_expires: "0001-01-01T00:00:00Z"
    locked_time: "0001-01-01T00:00:00Z"
  traits:
    aws_role_arns: null
    azure_identities: null
    db_names: null
    db_roles: null
    db_users: null
    gcp_service_accounts: null
    host_user_gid:
    - ""
    host_user_uid:
    - ""
    kubernetes_groups: null
    kubernetes_users: null
    logins:
    - root
    - ubuntu
    windows_logins: null
status:
  password_state: 2
version: v2
`;

const preference = `kind: cluster_auth_preference
metadata:
  labels:
    teleport.dev/origin: config-file
  name: cluster-auth-preference
  revision: 5366897b-6e66-49e4-8b54-e710c6fea73c
spec:
  allow_headless: false
  allow_local_auth: true
  allow_passwordless: false
  default_session_ttl: 12h0m0s
  disconnect_expired_cert: false
  idp:
    saml:
      enabled: true
  locking_mode: best_effort
  okta: {}
  second_factor: otp
  type: local
version: v2
`;

const networking = `kind: cluster_networking_config
metadata:
  labels:
    teleport.dev/origin: config-file
  name: cluster-networking-config
  revision: b43a4b21-2451-49cf-af61-f40f16fa925f
spec:
  client_idle_timeout: 0s
  idle_timeout_message: ""
  keep_alive_count_max: 3
  keep_alive_interval: 5m0s
  proxy_listener_mode: 1
  session_control_timeout: 0s
  tunnel_strategy:
    type: agent_mesh
  web_idle_timeout: 0s
version: v2
`;

const recording = `kind: session_recording_config
metadata:
  labels:
    teleport.dev/origin: defaults
  name: session-recording-config
  revision: e6625fe1-16ea-413e-9809-a06962bf0dec
spec:
  mode: node
  proxy_checks_host_keys: true
version: v2
`;

const accessBeginning = `kind: role
metadata:
  description: Access cluster resources
  labels:
    teleport.internal/resource-type: preset
  name: access
  revision: a96bd7f5-b7b4-4201-aae1-7eaf222a4deb
spec:
  allow:
    app_labels:
      '*': '*'
    aws_role_arns:
    - '{{internal.aws_role_arns}}'
    azure_identities:
    - '{{internal.azure_identities}}'
    db_labels:
      '*': '*'
    db_names:
    - '{{internal.db_names}}'
    db_roles:
    - '{{internal.db_roles}}'
    db_service_labels:
      '*': '*'
    db_users:
    - '{{internal.db_users}}'
    gcp_service_accounts:
    - '{{internal.gcp_service_accounts}}'
    kubernetes_groups:
    - '{{internal.kubernetes_groups}}'
    kubernetes_labels:
      '*': '*'
    kubernetes_resources:
    - kind: '*'
      name: '*'
      namespace: '*'
      verbs:
      - '*'
    kubernetes_users:
    - '{{internal.kubernetes_users}}'
    logins:
    - '{{internal.logins}}'
    node_labels:
      '*': '*'
    rules:
    - resources:
      - event
      verbs:
      - list
      - read
    - resources:
      - session
      verbs:
      - read
      - list
      where: contains(session.participants, user.metadata.name)
    - resources:
      - instance
      verbs:
      - list
      - read
`;

for (const [name, text] of Object.entries({ goodRole, user, preference, networking, recording })) {
  test(`prints what it read, byte for byte: ${name}`, () => {
    const [resource] = parseDocuments(text, { source: name });
    assert.ok(resource);
    assert.equal(formatYaml(resource), text);
  });
}

test("fills a role with the defaults that the reference shows", () => {
  const text = "kind: role\nversion: v7\nmetadata: {name: good2}\nspec: {allow: {logins: [root]}}";
  const [role] = parseDocuments(text, { source: "-" });
  assert.ok(role);
  role.metadata.revision = "41b20a0c-9193-4370-936f-472475761a4c";
  assert.equal(formatYaml(role), goodRole);
});

test("prints the preset role access as the reference does", () => {
  const role = presetAccess();
  role.metadata.revision = "a96bd7f5-b7b4-4201-aae1-7eaf222a4deb";
  assert.equal(formatYaml(role).slice(0, accessBeginning.length), accessBeginning);
});

test("prints the rules of the preset role editor one by one", () => {
  const lines = formatYaml(presetEditor()).split("\n");
  const resources = lines.flatMap((line, i) =>
    line === "    - resources:" ? [lines[i + 1]?.slice(8)] : [],
  );
  assert.deepEqual(resources.slice(0, 7), [
    "user",
    "role",
    "bot",
    "crown_jewel",
    "db_object_import_rule",
    "oidc",
    "saml",
  ]);
});

test("prints JSON as a list with four spaces and the keys of the reference", () => {
  const [token] = parseDocuments(
    "kind: token\nmetadata: {name: 7f91, expires: 2026-11-21T06:20:47.627489324Z, revision: bf6f}\nspec: {roles: node}",
    { source: "-" },
  );
  assert.ok(token);
  assert.equal(
    formatJson([token]),
    `[
    {
        "kind": "token",
        "version": "v2",
        "metadata": {
            "name": "7f91",
            "expires": "2026-11-21T06:20:47.627489324Z",
            "revision": "bf6f"
        },
        "spec": {
            "roles": [
                "Node"
            ],
            "join_method": "token"
        }
    }
]`,
  );
});

test("separates documents, and prints an empty list for none", () => {
  const [one] = parseDocuments(recording, { source: "-" });
  assert.ok(one);
  assert.equal(formatYamlDocuments([one, one]), `${recording}---\n${recording}`);
  assert.equal(formatYamlDocuments([]), "[]\n");
  assert.equal(formatJson([]), "[]");
});

test("reads its own JSON again", () => {
  const resources = parseDocuments(`${goodRole}---\n${user}---\n${preference}`, { source: "-" });
  assert.deepEqual(parseDocuments(formatJson(resources), { source: "json" }), resources);
});

test("prints label patterns of a token with one value as that value, several as a list", () => {
  const text = `kind: token
metadata:
  name: t
spec:
  join_method: token
  roles:
  - Node
  suggested_agent_matcher_labels:
    team: a
  suggested_labels:
    env:
    - dev
    - test
version: v2
`;
  const [token] = parseDocuments(text, { source: "-" });
  assert.ok(token);
  assert.equal(formatYaml(token), text);
});

test("prints certificates as blocks", () => {
  const text = `kind: cluster_auth_preference
spec:
  device_trust:
    ekcert_allowed_cas:
    - |
      -----BEGIN CERTIFICATE-----
      AAAA
      -----END CERTIFICATE-----
    mode: "off"
`;
  const [preference] = parseDocuments(text, { source: "-" });
  assert.ok(preference);
  assert.ok(formatYaml(preference).includes(text.slice(text.indexOf("  device_trust"))));
});
