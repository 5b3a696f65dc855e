/** The config file: what it means, and what is said about mistakes in it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { originOf } from "#resource/singletons.ts";
import { formatDiagnostic } from "#resource/yaml/diagnostic.ts";
import {
  createTestIssuer,
  issueTestCertificate,
  toPem,
} from "../../../test/support/endorsement-certificates.ts";
import { generateConfig } from "./generate.ts";
import { checkConfig } from "./load.ts";

const certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
const maker = createTestIssuer("Maker of TPMs");
const makerPem = toPem(
  issueTestCertificate({
    ...{ issuer: maker, subject: maker.name, spki: maker.spki, isAuthority: true },
  }),
);
const tpmPem = toPem(issueTestCertificate({ issuer: maker, spki: maker.spki }));
const files: Readonly<Record<string, string>> = {
  "/etc/gatehouse/tpm-ca.pem": makerPem,
  "/etc/gatehouse/tpm.pem": tpmPem,
  "/etc/gatehouse/web.crt": certificate,
  "/etc/gatehouse/web.key": "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n",
  "/etc/gatehouse/token": "s3cret\n",
  "/etc/gatehouse/empty": "\n",
};

function check(text: string, dataDir?: string) {
  return checkConfig(text, {
    source: "/etc/gatehouse/g.yaml",
    hostname: "machine",
    dataDir,
    readText: (path) => {
      const found = files[path];
      if (found !== undefined) return found;
      throw Object.assign(Object.create(Error.prototype), { code: "ENOENT" });
    },
  });
}

function config(text: string, dataDir?: string) {
  const checked = check(text, dataDir);
  assert.ok(checked.config, checked.diagnostics.map(formatDiagnostic).join("\n"));
  return checked.config;
}

function complaints(text: string): string[] {
  return check(text).diagnostics.map((diagnostic) =>
    formatDiagnostic(diagnostic).replace("/etc/gatehouse/g.yaml:", ""),
  );
}

test("authorities of TPM makers are read when the file is, and each that is none has its place", () => {
  const list = (entry: string) =>
    complaints(`version: v3
auth_service:
  authentication:
    device_trust:
      ekcert_allowed_cas:
      - ${entry}
`);
  const at = "6:9: auth_service.authentication.device_trust.ekcert_allowed_cas[0]:";
  assert.deepEqual(list("tpm-ca.pem"), []);
  assert.match(
    list("tpm.pem").join(),
    new RegExp(`^${at.replace(/[[\]]/g, "\\$&")} the file tpm.pem is not`),
  );
  assert.match(list("web.crt").join(), /the file web\.crt cannot be read/);
  assert.match(list("'-----BEGIN NOTHING'").join(), /it holds no certificate/);
});

test("the shortest file is a whole cluster in one process", () => {
  const { nodename, dataDir, storage, log, auth, proxy, ssh, join } = config("version: v3");
  assert.equal(nodename, "machine");
  assert.equal(dataDir, "/var/lib/gatehouse");
  assert.deepEqual(storage, { type: "sqlite", path: "/var/lib/gatehouse" });
  assert.deepEqual(log, { output: "stderr", severity: "info", format: "text" });
  assert.equal(auth?.listen, undefined);
  assert.equal(auth?.authPreference, undefined);
  assert.equal(auth?.networkingConfig, undefined);
  assert.equal(auth?.sessionRecordingConfig, undefined);
  assert.deepEqual(proxy?.webListen, { host: "0.0.0.0", port: 3080 });
  assert.deepEqual(proxy?.keyPairs, []);
  assert.deepEqual(ssh?.listen, { host: "0.0.0.0", port: 3022 });
  assert.deepEqual(join, { caPins: [] });
});

test("reads every part of a full file", () => {
  const full = config(`version: v3
teleport:
  nodename: box
  data_dir: data
  log: {output: stdout, severity: WARN, format: {output: json}}
  storage: {type: sqlite, path: /srv/db}
auth_service:
  listen_addr: ":4025"
  public_addr: auth.example.com
  cluster_name: example.com
  authentication:
    type: local
    second_factors: [otp, webauthn]
    local_auth: yes
    passwordless: no
    require_session_mfa: yes
    default_session_ttl: 8h
    signature_algorithm_suite: legacy
    device_trust:
      mode: required
      auto_enroll: yes
      ekcert_allowed_cas:
      - tpm-ca.pem
      - |
${makerPem.trimEnd().replace(/^/gm, "        ")}
  tokens:
  - "node,kube:abc"
  - proxy:/etc/gatehouse/token
  session_recording: node-sync
  client_idle_timeout: 15m
  message_of_the_day: hello
proxy_service:
  web_listen_addr: "[::]:443"
  public_addr: [p.example.com:8443, "https://q.example.com"]
  https_keypairs:
  - key_file: web.key
    cert_file: /etc/gatehouse/web.crt
ssh_service:
  labels: {env: dev, n: 1}
  commands:
  - name: arch
    command: [uname, -p]
    period: 1h
  permit_user_env: yes
db_service:
  enabled: no
  databases: []
`);
  assert.equal(full.dataDir, "/etc/gatehouse/data");
  assert.deepEqual(full.storage, { type: "sqlite", path: "/srv/db" });
  assert.deepEqual(full.log, { output: "stdout", severity: "warn", format: "json" });
  const { auth, proxy, ssh } = full;
  assert.deepEqual(auth?.listen, { host: "0.0.0.0", port: 4025 });
  assert.deepEqual(auth?.publicAddrs, [{ host: "auth.example.com", port: 3025 }]);
  assert.deepEqual(
    auth?.tokens.map(({ roles, secret }) => [roles, secret.reveal()]),
    [
      [["Node", "Kube"], "abc"],
      [["Proxy"], "s3cret"],
    ],
  );
  const preference = auth?.authPreference;
  assert.ok(preference);
  assert.equal(originOf(preference), "config-file");
  assert.deepEqual(preference.spec.device_trust, {
    mode: "required",
    auto_enroll: true,
    ekcert_allowed_cas: [makerPem, makerPem],
  });
  assert.deepEqual(preference.spec.second_factors, ["otp", "webauthn"]);
  assert.equal(preference.spec.second_factor, undefined);
  assert.equal(preference.spec.require_session_mfa, true);
  assert.equal(preference.spec.default_session_ttl, "8h0m0s");
  assert.equal(preference.spec.signature_algorithm_suite, "legacy");
  assert.equal(preference.spec.message_of_the_day, "hello");
  assert.equal(auth?.networkingConfig?.spec.client_idle_timeout, "15m0s");
  assert.equal(auth?.sessionRecordingConfig?.spec.mode, "node-sync");
  assert.deepEqual(proxy?.webListen, { host: "::", port: 443 });
  assert.deepEqual(proxy?.publicAddrs, [
    { host: "p.example.com", port: 8443 },
    { host: "q.example.com", port: 443 },
  ]);
  assert.deepEqual(proxy?.keyPairs, [
    { keyFile: "/etc/gatehouse/web.key", certFile: "/etc/gatehouse/web.crt" },
  ]);
  assert.deepEqual(ssh?.labels, { env: "dev", n: "1" });
  assert.deepEqual(ssh?.commands, [
    { name: "arch", command: ["uname", "-p"], periodMs: 3_600_000 },
  ]);
  assert.equal(ssh?.permitUserEnvironment, true);
});

test("an agent names its proxy and a token file", () => {
  const agent = config(`version: v3
teleport:
  proxy_server: proxy.example.com
  auth_token: /etc/gatehouse/token
  ca_pin: sha256:${"ab".repeat(32)}
auth_service: {enabled: no}
proxy_service: {enabled: no}
`);
  assert.equal(agent.auth, undefined);
  assert.equal(agent.proxy, undefined);
  assert.ok(agent.ssh);
  assert.deepEqual(agent.join.proxyServer, { host: "proxy.example.com", port: 3080 });
  assert.equal(agent.join.token?.reveal(), "s3cret");
  assert.equal(JSON.stringify(agent).includes("s3cret"), false);
});

test("the flag for the data folder wins over the file", () => {
  assert.equal(config("version: v3\nteleport: {data_dir: /a}", "/b").dataDir, "/b");
});

const mistakes: readonly (readonly [string, string, readonly string[]])[] = [
  ["a missing version", "teleport: {}", ['1:1: version: is missing; it must be "v3"']],
  ["an old version", "version: v2", ['1:10: version: must be "v3", not "v2" (did you mean "v3"?)']],
  [
    "a mistyped section",
    "version: v3\nssh_servce: {}\n",
    ['2:1: unknown key "ssh_servce" (did you mean "ssh_service"?)'],
  ],
  [
    "a key in the wrong section",
    "version: v3\nproxy_service:\n  cluster_name: x\n",
    ['3:3: proxy_service: misplaced key "cluster_name" ("cluster_name" belongs in auth_service)'],
  ],
  [
    "a bad address",
    "version: v3\nssh_service:\n  listen_addr: 0.0.0.0:99999\n",
    [
      '3:16: ssh_service.listen_addr: "0.0.0.0:99999" is not an address (write host:port, as in "0.0.0.0:3022")',
    ],
  ],
  [
    "a bad device trust mode",
    "version: v3\nauth_service:\n  authentication:\n    device_trust:\n      mode: require\n",
    [
      '5:13: auth_service.authentication.device_trust.mode: must be one of off, optional, required, required-for-humans, not "require" (did you mean "required"?)',
    ],
  ],
  [
    "services that do not exist yet",
    "version: v3\napp_service: {enabled: true}\n",
    ["2:24: app_service.enabled: app_service is not available yet (write enabled: no)"],
  ],
  [
    "nothing enabled",
    "version: v3\nauth_service: {enabled: no}\nproxy_service: {enabled: no}\nssh_service: {enabled: no}\n",
    ["1:1: no service is enabled (enable ssh_service, proxy_service or auth_service)"],
  ],
  [
    "an agent without a way in",
    "version: v3\nteleport:\n  nodename: x\nauth_service: {enabled: no}\nproxy_service: {enabled: no}\n",
    [
      '3:3: teleport: without an auth service here, proxy_server or auth_server must be named (write proxy_server: "proxy.example.com:3080")',
    ],
  ],
  [
    "a proxy without an auth service",
    "version: v3\nteleport:\n  proxy_server: p\nauth_service: {enabled: no}\n",
    [
      '3:3: teleport: a proxy without an auth service in the same process needs auth_server (write auth_server: "auth.example.com:3025")',
    ],
  ],
  [
    "two ways in",
    "version: v3\nteleport:\n  auth_server: a\n  proxy_server: p\n",
    [
      "4:17: teleport.proxy_server: names a second way into the cluster besides auth_server (keep one of the two)",
    ],
  ],
  [
    "files that are missing or hold something else",
    "version: v3\nteleport:\n  auth_token: /etc/gatehouse/empty\nproxy_service:\n  https_keypairs:\n  - key_file: web.crt\n    cert_file: nope.crt\n",
    [
      "3:15: teleport.auth_token: the file /etc/gatehouse/empty is empty",
      "6:15: proxy_service.https_keypairs[0].key_file: the file web.crt holds no PEM private key",
      "7:16: proxy_service.https_keypairs[0].cert_file: the file nope.crt does not exist",
    ],
  ],
  [
    "tokens that are none",
    "version: v3\nauth_service:\n  tokens:\n  - abc\n  - nod:abc\n",
    [
      '4:5: auth_service.tokens[0]: is not a token (write services and secret, as in "node:a1b2c3")',
      '5:5: auth_service.tokens[1]: "nod" is not a service (did you mean "node"?)',
    ],
  ],
  [
    "a pin that is none",
    "version: v3\nteleport:\n  ca_pin: sha256:xyz\n",
    [
      '3:11: teleport.ca_pin[0]: must be "sha256:" and 64 hexadecimal digits, as tctl tokens add prints it',
    ],
  ],
  [
    "a cluster name that no certificate can carry",
    "version: v3\nauth_service:\n  cluster_name: my cluster\n",
    [
      "3:17: auth_service.cluster_name: must be made of letters, digits, dots and dashes, as in a host name",
    ],
  ],
  ["an empty file", "", ["1:1: the config file is empty (write one with: gatehouse configure)"]],
  [
    "several documents",
    "version: v3\n---\nversion: v3\n",
    ["3:1: a config file is one document, not several"],
  ],
  [
    "broken YAML",
    "version: v3\nteleport:\n\tnodename: x\n",
    ["3:1: a tab is used for indentation (indent with spaces)"],
  ],
];

for (const [what, text, expected] of mistakes) {
  test(`says where and how to repair ${what}`, () => {
    assert.deepEqual(complaints(text).sort(), [...expected].sort());
  });
}

test("every generated file is accepted and means what the flags say", () => {
  const server = config(
    generateConfig({
      nodename: "yes",
      dataDir: "/srv/g",
      clusterName: "example.com",
      publicAddr: "example.com:3080",
      keyFile: "/etc/gatehouse/web.key",
      certFile: "/etc/gatehouse/web.crt",
      labels: { env: "on", "a: b": "#" },
    }),
  );
  assert.equal(server.nodename, "yes");
  assert.equal(server.dataDir, "/srv/g");
  assert.equal(server.auth?.clusterName, "example.com");
  assert.equal(server.auth?.authPreference?.spec.device_trust?.mode, "optional");
  assert.deepEqual(server.proxy?.publicAddrs, [{ host: "example.com", port: 3080 }]);
  assert.equal(server.proxy?.keyPairs.length, 1);
  assert.deepEqual(server.ssh?.labels, { env: "on", "a: b": "#" });

  const agent = config(
    generateConfig({ nodename: "n", proxyServer: "example.com:3080", token: "abc" }),
  );
  assert.equal(agent.auth, undefined);
  assert.deepEqual(agent.join.proxyServer, { host: "example.com", port: 3080 });
  assert.equal(agent.join.token?.reveal(), "abc");

  const plain = config(generateConfig({ nodename: "n" }));
  assert.deepEqual(plain.proxy?.keyPairs, []);
});
