import assert from "node:assert/strict";
import { test } from "node:test";
import {
  create,
  type DescField,
  type DescMessage,
  fromBinary,
  type Message,
  ScalarType,
  toBinary,
} from "@bufbuild/protobuf";
import fc from "fast-check";
import { decodeDocument, encodeDocument } from "#api/convert/document.ts";
import { keyOf, ruledFields, ruleOf } from "#api/convert/field-table.ts";
import { decodeResource, encodeResource, messageSchemaOf } from "#api/convert/resource.ts";
import { isFault } from "#base/fault.ts";
import { DeviceEnrollStatus, OSType } from "#gen/teleport/devicetrust/v1/device_pb.ts";
import { UserV2Schema } from "#gen/types/user_pb.ts";
import { type Kind, kindInfo, kinds, type ResourceOf } from "#resource/kinds.ts";
import { parseResourceOf } from "#resource/parse.ts";
import { keysAt, type Path } from "#resource/schema.ts";

const special = new Set([
  "types.BoolValue",
  "types.TunnelStrategyV1",
  "wrappers.LabelValues",
  "google.protobuf.Timestamp",
  "google.protobuf.Duration",
]);

/** One document of each kind with much in it. */
const documents: { [K in Kind]: object } = {
  role: {
    kind: "role",
    version: "v7",
    metadata: {
      name: "r",
      description: "d",
      labels: { a: "b" },
      expires: "2030-01-31T17:00:00.5Z",
    },
    spec: {
      options: {
        max_session_ttl: "8h30m0s",
        cert_format: "standard",
        client_idle_timeout: "5m0s",
        port_forwarding: false,
        enhanced_recording: ["command"],
        require_session_mfa: "hardware_key_touch",
        device_trust_mode: "required",
        device_posture: [
          { rule: "device.secure_boot" },
          { rule: 'device.os == "linux"', message: "only Linux here" },
        ],
        create_host_user_mode: "insecure-drop",
        create_db_user_mode: "best_effort_drop",
        record_session: { default: "strict", desktop: false },
        cert_extensions: [{ type: "ssh", mode: "extension", name: "n", value: "v" }],
        mfa_verification_interval: "1h0m0s",
        max_sessions: 3,
        ssh_port_forwarding: { local: { enabled: false }, remote: { enabled: true } },
      },
      allow: {
        logins: ["root", "{{internal.logins}}"],
        node_labels: { "*": "*" },
        db_labels: { env: ["dev", "test"] },
        kubernetes_groups: ["viewers"],
        kubernetes_resources: [{ kind: "pod", namespace: "*", name: "*", verbs: ["*"] }],
        rules: [{ resources: ["role"], verbs: ["list", "read"], where: "true" }],
        github_permissions: [{ orgs: ["o"] }],
        account_assignments: [{ permission_set: "p", account: "a" }],
        request: { roles: ["x"], max_duration: "2h0m0s", reason: { mode: "required" } },
        impersonate: { users: ["u"], roles: ["r"] },
        spiffe: [{ path: "/svc/*", dns_sans: ["*"], ip_sans: ["10.0.0.0/8"] }],
      },
      deny: { logins: ["guest"] },
    },
  },
  user: {
    kind: "user",
    version: "v2",
    metadata: { name: "alice", revision: "1" },
    spec: {
      roles: ["access"],
      traits: { logins: ["root", "ubuntu"], empty: [] },
      created_by: { time: "2026-11-21T05:43:25.670327295Z", user: { name: "admin" } },
      github_identities: [{ connector_id: "c", username: "u", samlSingleLogoutUrl: "https://x" }],
      status: { is_locked: true, locked_message: "why", lock_expires: "2030-01-01T00:00:00Z" },
      trusted_device_ids: ["d"],
    },
    status: { password_state: 2, mfa_weakest_device: 2 },
  },
  device: {
    kind: "device",
    version: "v1",
    metadata: { name: "2d5b5e1c-9e9c-4b86-b1ab-f0a1f7a0e5d1" },
    spec: {
      os_type: "linux",
      asset_tag: "XX1",
      create_time: "2026-01-01T00:00:00Z",
      enroll_status: "enrolled",
      owner: "alice",
      credential: {
        id: "c",
        device_attestation_type: "tpm_ekcert_trusted",
        tpm_ekcert_serial: "aa:bb",
        tpm_ak_public: "AAEC",
      },
      source: { name: "jamf", origin: "jamf" },
      profile: { os_usernames: ["alice"], os_build_supplemental: "(a)" },
      collected_data: [{ os_type: "linux", os_login_user: "alice" }],
    },
  },
  token: {
    kind: "token",
    version: "v2",
    metadata: { name: "abc", expires: "2030-01-01T00:00:00Z" },
    spec: { roles: ["Node"], join_method: "token", suggested_labels: { env: ["dev"] } },
  },
  lock: {
    kind: "lock",
    version: "v2",
    metadata: { name: "l" },
    spec: {
      target: { device: "d", server_id: "s" },
      message: "m",
      expires: "2030-01-01T00:00:00Z",
    },
  },
  cluster_auth_preference: {
    kind: "cluster_auth_preference",
    version: "v2",
    metadata: { name: "cluster-auth-preference" },
    spec: {
      second_factors: ["otp", "webauthn"],
      allow_local_auth: false,
      webauthn: { rp_id: "example.com" },
      device_trust: { mode: "required", auto_enroll: true },
      default_session_ttl: "10h0m0s",
      require_session_mfa: true,
      signature_algorithm_suite: "balanced-v1",
      stable_unix_user_config: { enabled: true, first_uid: 1, last_uid: 2 },
      hardware_key: { piv_slot: "9a", pin_cache_ttl: "1m0s" },
    },
  },
  cluster_networking_config: {
    kind: "cluster_networking_config",
    version: "v2",
    metadata: { name: "cluster-networking-config" },
    spec: {
      client_idle_timeout: "30m0s",
      idle_timeout_message: "bye",
      proxy_listener_mode: 0,
      routing_strategy: 1,
      tunnel_strategy: { type: "proxy_peering", agent_connection_count: 2 },
    },
  },
  session_recording_config: {
    kind: "session_recording_config",
    version: "v2",
    metadata: { name: "session-recording-config" },
    spec: { mode: "node-sync", proxy_checks_host_keys: false },
  },
  attestation_policy: {
    kind: "attestation_policy",
    version: "v1",
    metadata: { name: "attestation-policy" },
    spec: {
      allow_sha1_on_windows: true,
      measured_boot: [
        {
          name: "laptops",
          os: ["linux"],
          mode: "enforce",
          event_log: true,
          secure_boot: true,
          unchanged_pcrs: [0, 7],
          allowed_firmware: [{ version: "N32ET9*" }, { pcr0: "ab".repeat(32) }],
        },
      ],
      reattestation: { every: "15m0s", since: "2026-01-01T00:00:00.000Z" },
    },
  },
  node: {
    kind: "node",
    version: "v2",
    metadata: { name: "2d5b5e1c-9e9c-4b86-b1ab-f0a1f7a0e5d1", labels: { env: "dev" } },
    spec: {
      hostname: "node-1",
      use_tunnel: true,
      version: "1.0.0",
      proxy_ids: ["p"],
      cmd_labels: { arch: { period: "1h0m0s", command: ["uname"], result: "x86" } },
      cloud_metadata: { aws: { account_id: "1", vpc_id: "v" } },
    },
  },
  db: {
    kind: "db",
    version: "v3",
    metadata: { name: "orders", labels: { env: "dev" } },
    spec: {
      protocol: "postgres",
      uri: "localhost:5432",
      dynamic_labels: { arch: { period: "1h0m0s", command: ["uname"], result: "x86" } },
      tls: { mode: "verify_ca", server_name: "db.example.com", trust_system_cert_pool: true },
      mysql: { server_version: "8.0.0" },
    },
  },
  db_server: {
    kind: "db_server",
    version: "v3",
    metadata: { name: "orders" },
    spec: {
      version: "18.0.0",
      hostname: "agent-1",
      host_id: "2d5b5e1c-9e9c-4b86-b1ab-f0a1f7a0e5d1",
      proxy_ids: ["p"],
      database: {
        kind: "db",
        metadata: { name: "orders" },
        spec: { protocol: "redis", uri: "cache:6379" },
      },
    },
  },
  kube_cluster: {
    kind: "kube_cluster",
    version: "v3",
    metadata: { name: "prod", labels: { env: "prod" } },
    spec: {
      dynamic_labels: { arch: { period: "1h0m0s", command: ["uname"], result: "x86" } },
      kubeconfig: "YXBpVmVyc2lvbjogdjEK",
    },
  },
  kube_server: {
    kind: "kube_server",
    version: "v3",
    metadata: { name: "prod" },
    spec: {
      version: "18.0.0",
      hostname: "agent-1",
      host_id: "2d5b5e1c-9e9c-4b86-b1ab-f0a1f7a0e5d1",
      proxy_ids: ["p"],
      cluster: { kind: "kube_cluster", metadata: { name: "prod" }, spec: {} },
    },
  },
  cert_authority: {
    kind: "cert_authority",
    sub_kind: "host",
    version: "v2",
    metadata: { name: "example" },
    spec: {
      type: "host",
      cluster_name: "example",
      role_map: [{ remote: "a", local: ["b"] }],
      rotation: { state: "standby", grace_period: "1h0m0s" },
      signing_alg: "RSA_SHA2_512",
      active_keys: {
        ssh: [{ public_key: "c3No" }],
        tls: [{ cert: "cGVt", key_type: "PKCS11" }],
      },
    },
  },
};

for (const kind of kinds) {
  test(`a ${kind} goes over the wire and comes back as it was`, () => {
    const document = parseResourceOf(kind, documents[kind]) as ResourceOf[typeof kind];
    const schema: DescMessage = messageSchemaOf(kind);
    const bytes = toBinary(schema, encodeResource(kind, document) as Message);
    const back = decodeResource(kind, fromBinary(schema, bytes) as never);
    assert.deepEqual(back, document);
  });

  test(`every key that a ${kind} may have has a field on the wire`, () => {
    assert.deepEqual(missingKeys(kind), []);
  });
}

/** Keys that have no place in a message: they are of the document only. */
const documentOnly = new Set(["metadata.id", "metadata.namespace"]);

/** Every key of the kind's schema that no field carries. */
function missingKeys(kind: Kind): string[] {
  const missing: string[] = [];
  const visit = (desc: DescMessage, path: Path) => {
    for (const key of keysAt(kindInfo(kind).schema, path) ?? []) {
      const place = [...path, key];
      const name = place.filter((step) => typeof step === "string").join(".");
      const field = desc.fields.find((f) => keyOf(f) === key && !ruleOf(f)?.hidden);
      if (!field) {
        if (!documentOnly.has(name.replace(/^spec\.(database|cluster)\./, ""))) missing.push(name);
      } else if (field.message && !special.has(field.message.typeName)) {
        visit(field.message, field.fieldKind === "message" ? place : [...place, 0]);
      }
    }
  };
  // The head of a device is made by hand: its message has the fields of the spec.
  visit(messageSchemaOf(kind), kind === "device" ? ["spec"] : []);
  return missing;
}

test("every special rule names a field that exists", () => {
  const known = new Set<string>();
  const visit = (desc: DescMessage) => {
    for (const field of desc.fields) {
      const name = `${desc.name}.${field.name}`;
      if (known.has(name)) continue;
      known.add(name);
      if (field.message) visit(field.message);
    }
  };
  for (const kind of kinds) visit(messageSchemaOf(kind));
  assert.deepEqual(
    ruledFields.filter((name) => !known.has(name)),
    [],
  );
});

test("any message of any kind survives the way through a document", () => {
  for (const kind of kinds) {
    const schema = messageSchemaOf(kind);
    fc.assert(
      fc.property(messageOf(schema, 4), (message) => {
        const document = decodeDocument(schema, message as never);
        const back = decodeDocument(schema, encodeDocument(schema, document));
        assert.deepEqual(back, JSON.parse(JSON.stringify(document)));
      }),
      { numRuns: 60 },
    );
  }
});

/** Messages with random values in every field. */
function messageOf(desc: DescMessage, depth: number): fc.Arbitrary<Message> {
  const fields = desc.fields.filter((f) => !ruleOf(f)?.hidden && !f.oneof);
  const shape = fields.map((field) => [field.localName, fieldValue(field, depth)] as const);
  const record = fc.record(Object.fromEntries(shape), { requiredKeys: [] });
  return record.map((values) => create(desc, values as never));
}

function fieldValue(field: DescField, depth: number): fc.Arbitrary<unknown> {
  const item = itemValue(field, depth);
  const keys = fc.stringMatching(/^[a-z]{1,5}$/);
  if (field.fieldKind === "list") return fc.array(item, { maxLength: depth > 0 ? 2 : 0 });
  if (field.fieldKind === "map") return fc.dictionary(keys, item, { maxKeys: depth > 0 ? 2 : 0 });
  return item;
}

function itemValue(field: DescField, depth: number): fc.Arbitrary<unknown> {
  if (field.message?.typeName === "google.protobuf.Timestamp") {
    const seconds = fc.bigInt(-62_135_596_800n, 253_402_300_799n);
    return fc.record({ seconds, nanos: fc.nat(999_999_999) });
  }
  if (field.message?.typeName === "google.protobuf.Duration") {
    return fc.record({ seconds: fc.bigInt(0n, 1_000_000n), nanos: fc.constant(0) });
  }
  if (field.message)
    return depth > 0 ? messageOf(field.message, depth - 1) : fc.constant(undefined);
  if (field.enum) return fc.constantFrom(...field.enum.values.map((value) => value.number));
  if (ruleOf(field)?.duration) return fc.bigInt(0n, 10_000_000n).map((ms) => ms * 1_000_000n);
  switch (field.scalar) {
    case ScalarType.STRING:
      return fc.string();
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.BYTES:
      return fc.uint8Array({ maxLength: 40 });
    case ScalarType.INT64:
    case ScalarType.UINT64:
      return fc.bigInt(0n, 2n ** 53n - 1n);
    default:
      return fc.nat(2 ** 31 - 1);
  }
}

test("a Go peer's empty parts and zero times are as if they were not sent", () => {
  const zero = { seconds: -62_135_596_800n, nanos: 0 };
  const message = create(UserV2Schema, {
    Kind: "user",
    Version: "v2",
    Metadata: { Name: "bob", Namespace: "default", Expires: zero },
    Spec: { Expires: zero, CreatedBy: { Time: zero, User: {} }, Status: { LockedTime: zero } },
    Status: {},
  });
  const plain = parseResourceOf("user", {
    kind: "user",
    version: "v2",
    metadata: { name: "bob" },
    spec: {},
  });
  assert.deepEqual(decodeResource("user", message), plain);
});

test("the evidence of a TPM is in the message of a device and not in its document", () => {
  const evidence = {
    nonce: "AA==",
    platform_parameters: {
      quotes: [{ quote: "AQ==", signature: "Ag==" }],
      pcrs: [{ index: 0, digest: "AQ==", digest_alg: 5 }],
      event_log: "Aw==",
    },
  };
  const document = parseResourceOf("device", documents.device);
  const [collected] = document.spec.collected_data ?? assert.fail();
  const full = { ...collected, tpm_platform_attestation: evidence };
  const message = encodeResource(
    "device",
    parseResourceOf("device", {
      ...document,
      spec: { ...document.spec, collected_data: [full, collected] },
    }),
  );
  assert.equal(
    message.collectedData[0]?.tpmPlatformAttestation?.platformParameters?.pcrs.length,
    1,
  );
  const { collected_data: shown } = decodeResource("device", message).spec;
  assert.deepEqual(shown, [collected, collected]);
});

test("secrets of a user are never part of a document", () => {
  const message = create(UserV2Schema, {
    Metadata: { Name: "bob" },
    Spec: { LocalAuth: { PasswordHash: new Uint8Array([1]), TOTPKey: "secret" } },
  });
  assert.ok(!JSON.stringify(decodeDocument(UserV2Schema, message)).includes("secret"));
  const smuggled = { spec: { local_auth: { totp_key: "x" } } };
  assert.throws(
    () => encodeDocument(UserV2Schema, smuggled),
    (error) => isFault(error, "invalid"),
  );
});

test("a device has its own numbers and words", () => {
  const message = encodeResource(
    "device",
    parseResourceOf("device", documents.device) as ResourceOf["device"],
  );
  assert.equal(message.osType, OSType.OS_TYPE_LINUX);
  assert.equal(message.enrollStatus, DeviceEnrollStatus.ENROLLED);
  assert.equal(message.apiVersion, "v1");
});

test("documents that cannot be sent are refused: unknown key, wrong type, bad time, bad bytes", () => {
  for (const document of [
    { nope: 1 },
    { metadata: "x" },
    { metadata: { name: 7 } },
    { metadata: { expires: "tomorrow" } },
    { spec: { roles: "access" } },
    { spec: { roles: [1] } },
    [],
  ]) {
    const encode = () => encodeDocument(UserV2Schema, document);
    assert.throws(encode, (error) => isFault(error, "invalid"), JSON.stringify(document));
  }
});

test("messages that no document can hold are refused: a time beyond the year 9999", () => {
  const Expires = { seconds: 2n ** 62n, nanos: 0 };
  const message = create(UserV2Schema, { Metadata: { Expires } });
  assert.throws(
    () => decodeDocument(UserV2Schema, message),
    (error) => isFault(error, "malformed"),
  );
});
