/** What each kind accepts, fills in and refuses. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Fault } from "#base/fault.ts";
import { findKind, kindInfo, kinds, orderForCreation } from "./kinds.ts";
import { parseResource, parseResourceOf } from "./parse.ts";
import {
  defaultAuthPreference,
  defaultNetworkingConfig,
  defaultSessionRecordingConfig,
  originOf,
} from "./singletons.ts";

function refusal(value: unknown): string {
  try {
    parseResource(value);
  } catch (error) {
    assert.ok(error instanceof Fault && error.code === "invalid");
    return error.message;
  }
  return "accepted";
}

function role(version: string, spec: object) {
  return parseResourceOf("role", { kind: "role", version, metadata: { name: "r" }, spec });
}

test("every kind is found by its own name and all its words, however capitalised", () => {
  for (const kind of kinds) {
    for (const word of kindInfo(kind).words) {
      assert.equal(findKind(word), kind);
      assert.equal(findKind(word.toUpperCase()), kind);
    }
  }
  assert.equal(findKind("constructor"), undefined);
});

test("no word names two kinds", () => {
  const words = kinds.flatMap((kind) => kindInfo(kind).words);
  assert.equal(new Set(words).size, words.length);
});

test("all modes of device trust are accepted, in a role and in the cluster", () => {
  for (const mode of ["off", "optional", "required", "required-for-humans"]) {
    assert.equal(
      role("v7", { options: { device_trust_mode: mode } }).spec.options.device_trust_mode,
      mode,
    );
    const preference = parseResourceOf("cluster_auth_preference", {
      kind: "cluster_auth_preference",
      spec: { device_trust: { mode, auto_enroll: "yes" } },
    });
    assert.deepEqual(preference.spec.device_trust, { mode, auto_enroll: true });
  }
});

test("an empty device trust mode says nothing and an unknown one is refused", () => {
  assert.equal(
    role("v7", { options: { device_trust_mode: "" } }).spec.options.device_trust_mode,
    undefined,
  );
  assert.match(
    refusal({
      kind: "role",
      metadata: { name: "r" },
      spec: { options: { device_trust_mode: "requird" } },
    }),
    /^spec\.options\.device_trust_mode: must be one of .*did you mean "required"/,
  );
});

test("every field of the public role messages is accepted and kept", () => {
  const list = ["a"];
  const label = { a: ["b"] };
  const allow = {
    logins: list,
    node_labels: label,
    rules: [{ resources: list, verbs: ["list"], where: 'equals("a", "b")', actions: list }],
    kubernetes_groups: list,
    request: {
      roles: list,
      claims_to_roles: [{ claim: "c", value: "v", roles: list }],
      annotations: label,
      thresholds: [{ name: "n", filter: 'equals("a", "b")', approve: 1, deny: 1 }],
      suggested_reviewers: list,
      search_as_roles: list,
      max_duration: "168h0m0s",
      kubernetes_resources: [{ kind: "pod", api_group: "" }],
      reason: { mode: "required", prompt: "why" },
    },
    kubernetes_users: list,
    app_labels: label,
    cluster_labels: label,
    kubernetes_labels: label,
    db_labels: label,
    db_names: list,
    db_users: list,
    impersonate: { users: list, roles: list, where: 'equals("a", "b")' },
    review_requests: {
      roles: list,
      claims_to_roles: [{ claim: "c", value: "v", roles: list }],
      where: 'equals("a", "b")',
      preview_as_roles: list,
    },
    aws_role_arns: list,
    windows_desktop_logins: list,
    windows_desktop_labels: label,
    require_session_join: [
      {
        name: "n",
        filter: "true",
        kinds: ["ssh"],
        count: 1,
        modes: ["moderator"],
        on_leave: "pause",
      },
    ],
    join_sessions: [{ name: "n", roles: list, kinds: ["k8s"], modes: ["observer"] }],
    host_groups: list,
    host_sudoers: list,
    azure_identities: list,
    kubernetes_resources: [
      { kind: "pod", namespace: "n", name: "x", verbs: ["get"], api_group: "" },
    ],
    gcp_service_accounts: list,
    db_service_labels: label,
    group_labels: label,
    desktop_groups: list,
    db_roles: list,
    node_labels_expression: 'labels["a"] == "b"',
    app_labels_expression: 'labels["a"] == "b"',
    cluster_labels_expression: 'labels["a"] == "b"',
    kubernetes_labels_expression: 'labels["a"] == "b"',
    db_labels_expression: 'labels["a"] == "b"',
    db_service_labels_expression: 'labels["a"] == "b"',
    windows_desktop_labels_expression: 'labels["a"] == "b"',
    group_labels_expression: 'labels["a"] == "b"',
    db_permissions: [{ permissions: ["SELECT"], match: label }],
    spiffe: [{ path: "/x", dns_sans: list, ip_sans: list }],
    account_assignments: [{ permission_set: "p", account: "a" }],
    github_permissions: [{ orgs: list }],
    workload_identity_labels: label,
    workload_identity_labels_expression: 'labels["a"] == "b"',
    mcp: { tools: list },
    linux_desktop_logins: list,
    linux_desktop_labels: label,
    linux_desktop_labels_expression: 'labels["a"] == "b"',
  };
  const options = {
    forward_agent: true,
    max_session_ttl: "8h0m0s",
    port_forwarding: true,
    cert_format: "standard",
    client_idle_timeout: "1h0m0s",
    disconnect_expired_cert: true,
    enhanced_recording: ["disk"],
    permit_x11_forwarding: true,
    max_connections: 1,
    max_sessions: 2,
    request_access: "reason",
    request_prompt: "why",
    lock: "strict",
    record_session: { default: "strict", desktop: false, ssh: "best_effort" },
    desktop_clipboard: false,
    cert_extensions: [{ type: "ssh", mode: "extension", name: "n", value: "v" }],
    max_kubernetes_connections: 3,
    desktop_directory_sharing: false,
    create_host_user: true,
    pin_source_ip: true,
    ssh_file_copy: false,
    require_session_mfa: "hardware_key_touch",
    device_trust_mode: "required",
    idp: { saml: { enabled: false } },
    create_desktop_user: true,
    create_db_user: true,
    create_host_user_mode: "keep",
    create_db_user_mode: "best_effort_drop",
    mfa_verification_interval: "5m0s",
    create_host_user_default_shell: "/bin/zsh",
    ssh_port_forwarding: { local: { enabled: false }, remote: { enabled: true } },
  };
  const parsed = role("v8", { options, allow, deny: allow });
  assert.deepEqual(parsed.spec, { options, allow, deny: allow });
});

for (const [version, expected] of [
  ["v3", [{ kind: "pod", namespace: "*", name: "*", verbs: ["*"] }]],
  ["v6", [{ kind: "pod", namespace: "*", name: "*", verbs: ["*"] }]],
  ["v7", [{ kind: "*", namespace: "*", name: "*", verbs: ["*"] }]],
  ["v8", [{ kind: "*", namespace: "*", name: "*", verbs: ["*"], api_group: "*" }]],
] as const) {
  test(`a ${version} role with Kubernetes labels gets the resources of its version`, () => {
    const { allow } = role(version, { allow: { kubernetes_labels: { "*": "*" } } }).spec;
    assert.deepEqual(allow.kubernetes_resources, expected);
  });
}

test("only a v3 role reaches everything without saying so", () => {
  const all = { "*": ["*"] };
  assert.deepEqual(role("v3", {}).spec.allow.node_labels, all);
  assert.deepEqual(role("v3", { allow: { node_labels: { a: "b" } } }).spec.allow.node_labels, {
    a: ["b"],
  });
  for (const version of ["v4", "v5", "v6", "v7", "v8"]) {
    assert.deepEqual(role(version, {}).spec.allow, {});
  }
});

test("port forwarding is not defaulted when the finer option is used", () => {
  const { options } = role("v7", {
    options: { ssh_port_forwarding: { local: { enabled: false } } },
  }).spec;
  assert.equal(options.port_forwarding, undefined);
});

test("unknown versions are refused", () => {
  assert.match(
    refusal({ kind: "role", version: "v9", metadata: { name: "r" } }),
    /^version: must be one of v3/,
  );
  assert.match(
    refusal({ kind: "user", version: "v1", metadata: { name: "r" } }),
    /^version: must be "v2"/,
  );
});

for (const name of ["", " ", "a/b", ".", "..", "a\nb", "a\0b", "x".repeat(513)]) {
  test(`refuses the name ${JSON.stringify(name.slice(0, 8))}`, () => {
    assert.match(refusal({ kind: "user", metadata: { name } }), /^metadata\.name: must /);
  });
}

test("a kind that exists once takes its own name only", () => {
  assert.match(
    refusal({ kind: "cluster_auth_preference", metadata: { name: "mine" } }),
    /must be "cluster-auth-preference": there is one per cluster/,
  );
});

test("a lock needs a target and keeps only the fields that say something", () => {
  assert.match(
    refusal({ kind: "lock", spec: { target: {} } }),
    /at least one target field must be set/,
  );
  const lock = parseResourceOf("lock", {
    kind: "lock",
    metadata: { name: "l" },
    spec: { target: { device: "d", user: "" }, expires: "2030-01-01T02:00:00+02:00" },
  });
  assert.deepEqual(lock.spec.target, { device: "d" });
  assert.equal(lock.spec.expires, "2030-01-01T00:00:00Z");
});

test("a token takes the words of the command line and needs at least one", () => {
  const token = parseResourceOf("token", {
    kind: "token",
    metadata: { name: "t" },
    spec: { roles: ["node", "KUBE", "trustedcluster"] },
  });
  assert.deepEqual(token.spec.roles, ["Node", "Kube", "Trusted_cluster"]);
  assert.match(
    refusal({ kind: "token", metadata: { name: "t" }, spec: { roles: [] } }),
    /must name at least one service/,
  );
});

test("a device needs system and asset tag, and its credential stays as it is", () => {
  assert.equal(
    refusal({ kind: "device", spec: {} }),
    "spec.os_type: is missing; it must be one of linux, macos, windows, ios, ipados; spec.asset_tag: is missing",
  );
  const device = parseResourceOf("device", {
    kind: "device",
    metadata: { name: "20ec6373-9e8e-46e0-8f1c-47ad6b06a768" },
    spec: {
      os_type: "linux",
      asset_tag: "T1",
      enroll_status: "",
      credential: { id: "c", public_key_der: "AAEC", device_attestation_type: "unspecified" },
    },
  });
  assert.equal(device.spec.enroll_status, "unspecified");
  assert.equal(device.spec.credential?.public_key_der, "AAEC");
  assert.equal(device.spec.credential?.device_attestation_type, undefined);
});

test("bytes that are not base64 are refused", () => {
  const spec = {
    os_type: "linux",
    asset_tag: "T1",
    credential: { id: "c", public_key_der: "A-_" },
  };
  assert.match(refusal({ kind: "device", spec }), /public_key_der: must be standard base64/);
});

test("a server without an agent needs an address", () => {
  const node = {
    kind: "node",
    sub_kind: "openssh",
    metadata: { name: "n" },
    spec: { hostname: "h" },
  };
  assert.match(refusal(node), /spec\.addr: is missing: a server without an agent needs an address/);
  const reachable = { ...node, spec: { hostname: "h", addr: "10.0.0.5:22" } };
  assert.equal(parseResource(reachable).kind, "node");
});

test("an allowed authority in a resource is a PEM text, not a path", () => {
  assert.match(
    refusal({
      kind: "cluster_auth_preference",
      spec: { device_trust: { ekcert_allowed_cas: ["/etc/ca.pem"] } },
    }),
    /must be a PEM certificate \(a path is accepted in the config file only\)/,
  );
});

test("networking modes may be typed as words", () => {
  const config = parseResourceOf("cluster_networking_config", {
    kind: "cluster_networking_config",
    spec: { proxy_listener_mode: "separate", routing_strategy: "most_recent" },
  });
  assert.equal(config.spec.proxy_listener_mode, 0);
  assert.equal(config.spec.routing_strategy, 1);
});

test("the settings of a new cluster say that they are defaults", () => {
  for (const settings of [
    defaultAuthPreference(),
    defaultNetworkingConfig(),
    defaultSessionRecordingConfig(),
  ]) {
    assert.equal(originOf(settings), "defaults");
    assert.deepEqual(parseResource(settings), settings);
  }
});

test("documents of one file are ordered so that roles exist before their holders", () => {
  const user = parseResource({ kind: "user", metadata: { name: "u" }, spec: { roles: ["b"] } });
  const first = role("v7", {});
  const second = parseResource({ kind: "role", metadata: { name: "b" } });
  assert.deepEqual(orderForCreation([user, first, second]), [first, second, user]);
});

test("a value without a known kind is refused", () => {
  for (const value of [
    null,
    1,
    "role",
    [],
    {},
    { kind: 1 },
    { kind: "roles" },
    { kind: "toString" },
  ]) {
    assert.match(refusal(value), /^the document has no known kind/);
  }
});

test("an authority is kept as it is, its keys in base64", () => {
  const authority = {
    kind: "cert_authority",
    sub_kind: "user",
    version: "v2",
    metadata: { name: "example.com" },
    spec: {
      type: "user",
      cluster_name: "example.com",
      active_keys: {
        ssh: [{ public_key: "AAEC", private_key_type: "RAW" }],
        tls: [{ cert: "AAEC" }],
      },
      additional_trusted_keys: {},
    },
  };
  assert.deepEqual(parseResource(authority), authority);
  const wrong = structuredClone(authority);
  wrong.spec.active_keys.tls = [{ cert: "-----BEGIN" }];
  assert.match(refusal(wrong), /active_keys\.tls\[0\]\.cert: must be standard base64/);
});

test("security keys as the only second factor need the domain that they are bound to", () => {
  const parse = (spec: object) =>
    parseResourceOf("cluster_auth_preference", { kind: "cluster_auth_preference", spec });
  for (const spec of [{ second_factor: "webauthn" }, { second_factors: ["webauthn"] }]) {
    assert.throws(() => parse(spec), /rp_id/);
    assert.throws(() => parse({ ...spec, webauthn: {} }), /rp_id/);
    parse({ ...spec, webauthn: { rp_id: "example.com" } });
  }
  for (const rp_id of ["https://example.com", "example.com:443", "127.0.0.1", "Example.com"]) {
    assert.throws(() => parse({ second_factor: "on", webauthn: { rp_id } }), /host name/);
  }
  parse({ second_factor: "on" });
});
