/** tctl as an administrator meets it: transcripts against a cluster in memory. */
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { ManualClock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import { flagName } from "#cli/flag.ts";
import { formatHelp } from "#cli/help.ts";
import { parseCommandLine } from "#cli/parse.ts";
import { runProgram } from "#cli/run.ts";
import type { BootSimulation, DeviceAttestation } from "#tctl/attestation-calls.ts";
import type { AuditEvent, IssuedToken, Simulation } from "#tctl/auth-client.ts";
import { runEditor } from "#tctl/editor.ts";
import { tctl } from "#tctl/program.ts";
import { createFakeAuth, type FakeAuth } from "../../test/support/cli/fake-auth.ts";
import { replayTranscript, splitWords } from "../../test/support/cli/transcript.ts";

const now = new Date("2026-11-21T05:50:47Z");

const cluster: readonly unknown[] = [
  { kind: "role", metadata: { name: "access" }, spec: { allow: { logins: ["root"] } } },
  { kind: "role", metadata: { name: "editor", description: "Edit cluster configuration" } },
  { kind: "role", metadata: { name: "auditor" } },
  {
    kind: "user",
    metadata: { name: "alice" },
    spec: { roles: ["access", "editor", "auditor"], traits: { logins: ["root", "ubuntu"] } },
  },
];

const devices: readonly unknown[] = [
  {
    kind: "device",
    metadata: { name: "20ec6373-9e8e-46e0-8f1c-47ad6b06a768" },
    spec: {
      os_type: "macos",
      asset_tag: "CXXXXXXXXX17",
      source: { name: "intune", origin: "intune" },
    },
  },
  {
    kind: "device",
    metadata: { name: "7a2e5a5c-0000-4000-8000-000000000001" },
    spec: {
      os_type: "linux",
      asset_tag: "C00AA0AAAA0A",
      enroll_status: "enrolled",
      owner: "alice",
      source: { name: "jamf", origin: "jamf" },
    },
  },
  {
    kind: "device",
    metadata: { name: "7a2e5a5c-0000-4000-8000-000000000002" },
    spec: { os_type: "windows", asset_tag: "TWIN" },
  },
  {
    kind: "device",
    metadata: { name: "7a2e5a5c-0000-4000-8000-000000000003" },
    spec: { os_type: "linux", asset_tag: "TWIN" },
  },
];

const nodes: readonly unknown[] = [
  {
    kind: "node",
    metadata: { name: "001de15a-27eb-4e00-8000-000000000000", labels: { env: "dev", i: "0" } },
    spec: { hostname: "node-1950", addr: "127.0.0.1:21950", version: "18.0.0" },
  },
  {
    kind: "node",
    metadata: { name: "002094f1-7e28-4400-8000-000000000000", labels: { env: "prod" } },
    spec: {
      hostname: "ip-172-31-35-170",
      use_tunnel: true,
      cmd_labels: { kernel: { period: "1m0s", command: ["uname"], result: "6.1" } },
    },
  },
];

const events: readonly AuditEvent[] = [
  {
    event: "device.authenticate",
    code: "TV006I",
    time: "2026-11-21T05:50:00.123Z",
    user: "alice",
    success: false,
    message: "unknown device",
    device: { asset_tag: "C00AA0AAAA0A" },
  },
  {
    event: "user.login",
    code: "T1000I",
    time: "2026-11-21T05:44:28Z",
    user: "alice",
    success: true,
  },
  { event: "role.created", code: "T9000I", time: "2026-11-20T05:43:21Z", user: "system" },
];

const refusals: readonly AuditEvent[] = [
  {
    event: "auth",
    uid: "019aa5f3-6c1e-7d3a-9b1f-000000000001",
    time: "2026-11-21T05:50:00.123Z",
    user: "alice",
    login: "root",
    "addr.remote": "192.0.2.7:50222",
    server_hostname: "ip-172-31-35-170",
    error: "access to resource requires a trusted device",
    refusal: {
      check: "role-device-mode",
      role: "require-trusted-device",
      rule: "options.device_trust_mode",
      device_trust_mode: "required",
      hint: "enroll this one with: tsh device enroll --current-device",
    },
  },
  {
    event: "access.denied",
    uid: "019aa5f3-6c1e-7d3a-9b1f-000000000002",
    time: "2026-11-21T05:51:00.123Z",
    user: "alice",
    rpc: "/proto.AuthService/DeleteRole",
    error: 'access denied to perform action "delete" on "role"',
    refusal: { check: "locks", lock: "1b5a", lock_target: "user" },
    trusted_device: { asset_tag: "C00AA0AAAA0A", credential_id: "4f1c" },
  },
  {
    event: "device.enroll",
    uid: "019aa5f3-6c1e-7d3a-9b1f-000000000003",
    time: "2026-11-21T05:52:00.123Z",
    user: "bob",
    success: false,
    error: "the device could not be enrolled",
    message: "the endorsement certificate is not of an allowed maker",
    reason: "ek_untrusted",
    device: { asset_tag: "C00BB0BBBB0B" },
  },
];

const hosts = (...names: readonly string[]) =>
  names.map((name) => ({ id: `id-${name}`, hostname: name }));
const demanded = {
  ...{ check: "cluster-device-mode", role: undefined, reason: "unauthorized device" },
  lostDevices: [],
};
const unmet = {
  ...{ check: "cluster-device-posture", role: undefined },
  reason: "unauthorized device: the device does not meet a posture rule: device.secure_boot",
};

const simulations: readonly (readonly [string, Simulation])[] = [
  [
    ":required",
    {
      modeBefore: "optional",
      totals: { users: 3, servers: 5, lost: 6, kept: 5, unchanged: 2 },
      groups: [hosts("web-1", "web-2", "web-3", "web-4"), hosts("db-1")],
      logins: [
        { user: "alice", login: "root", group: 0, device: "C00AA0AAAA0A", ...demanded },
        { user: "alice", login: "root", group: 1, device: "C00AA0AAAA0A", ...demanded },
        { user: "bob", login: "ubuntu", group: 0, device: undefined, ...demanded },
        { user: "bob", login: "ubuntu", group: 1, device: undefined, ...demanded },
        {
          ...{ user: "carol", login: "root", group: 1, device: undefined, role: undefined },
          check: "locks",
          lostDevices: [],
          reason: 'lock targeting Device:"20ec6373" is in force: stolen',
        },
      ],
    },
  ],
  [
    "access:required-for-humans",
    {
      modeBefore: undefined,
      totals: { users: 3, servers: 1, lost: 1, kept: 0, unchanged: 0 },
      groups: [hosts("db-1")],
      logins: [
        {
          ...{ user: "bob", login: "root", group: 0, device: undefined, lostDevices: [] },
          ...{ check: "role-device-mode", role: "access", reason: "access to resource requires" },
        },
      ],
    },
  ],
  [
    "::device.secure_boot",
    {
      modeBefore: "optional",
      totals: { users: 2, servers: 1, lost: 1, kept: 1, unchanged: 0 },
      groups: [hosts("db-1")],
      logins: [
        {
          ...{ user: "alice", login: "root", group: 0, device: "C00AA0AAAA0A" },
          ...{ ...unmet, lostDevices: ["OLD-1"] },
        },
        {
          ...{ user: "bob", login: "root", group: 0, device: undefined },
          ...{ ...unmet, lostDevices: ["OLD-2"] },
        },
      ],
    },
  ],
];

/** As a login that enrols its device by itself is given it. */
const autoTokens: readonly IssuedToken[] = [
  {
    ...{ id: "a9b8c7d6e5f40312", assetTag: "C00AA0AAAA0A", osType: "macos" },
    ...{ deviceId: "20ec6373-9e8e-46e0-8f1c-47ad6b06a768", createdBy: "bob", onlyFor: "bob" },
    created: new Date("2026-11-21T05:49:47Z"),
    expires: new Date("2026-11-21T05:54:47Z"),
  },
];

const boot = {
  seen: new Date("2026-11-20T08:15:00Z"),
  eventLog: "explained",
  unexplainedPcrs: [],
  secureBoot: "on",
  firmware: "N32ET91W (1.67)",
  pcrs: { 0: "00".repeat(32), 7: "77".repeat(32) },
};

const attestation: DeviceAttestation = {
  assetTag: "C00AA0AAAA0A",
  osType: "linux",
  attestationType: "tpm_ekcert_trusted",
  signingHash: "sha256",
  endorsement: {
    keyHash: "5e".repeat(32),
    certificateSerial: "1a:2b:3c",
    issuer: "CN=Vendor TPM Root",
    manufacturer: "id:57454300",
    model: "NPCT75x",
    firmwareVersion: "id:00070002",
  },
  bound: { keyHash: "", certificateSerial: "" },
  lastBoot: boot,
  refusedBoot: {
    ...boot,
    seen: new Date("2026-11-21T05:40:00Z"),
    firmware: "N32ET92W (1.68)",
    pcrs: { ...boot.pcrs, 0: "01".repeat(32) },
  },
  baseline: boot.pcrs,
};

const bootSimulation: BootSimulation = {
  totals: { enrolled: 6, refused: 1, reported: 1, satisfied: 3, unconcerned: 1 },
  devices: [
    {
      ...{ id: "id-b", assetTag: "B", osType: "linux", owner: "bob", seen: undefined },
      findings: [
        {
          ...{ rule: "firmware", mode: "report", reason: "boot_unknown" },
          why: "nothing is known of its last boot",
        },
      ],
    },
    {
      ...{ id: "id-a", assetTag: "A", osType: "windows", owner: "alice", seen: boot.seen },
      findings: [
        {
          ...{ rule: "secure-boot", mode: "enforce", reason: "secure_boot_off" },
          why: "Secure Boot is off",
        },
      ],
    },
  ],
};

/** Replays `testdata/<name>.script` against a new cluster. */
async function replay(
  name: string,
  documents: readonly unknown[],
  prepare: (auth: FakeAuth) => void = () => undefined,
): Promise<FakeAuth> {
  const auth = createFakeAuth(documents, now);
  prepare(auth);
  let connected = 0;
  const program = {
    ...tctl,
    services: () => ({
      clock: new ManualClock(now),
      random: (length: number) => new Uint8Array(length).fill(0x7f),
      connectAuth: async () => {
        connected++;
        return auth;
      },
      currentDevice: async () => ({ osType: "linux" as const, assetTag: "C00AA0AAAA0A" }),
      editFile: runEditor,
    }),
  };
  await replayTranscript(fileURLToPath(new URL(`testdata/${name}.script`, import.meta.url)), {
    programs: { tctl: (words, console) => runProgram(program, words, console) },
    env: { PATH: process.env["PATH"] ?? "" },
    mask: (text) => text.replace(/\S*tctl-edit-\w+/g, "(temporary folder)"),
  });
  assert.equal(auth.closed, connected, "a command left its connection open");
  return auth;
}

test("mistakes are told with what helps", async () => {
  await replay("mistakes", cluster);
});

test("users: add, list, update, reset, delete", async () => {
  const auth = await replay("users", cluster);
  assert.deepEqual(auth.passwords, ["correct horse battery staple", "from stdin"]);
});

test("an update meets somebody else's write, and is made again on top of it", async () => {
  let behind = 2;
  await replay("slow-reads", cluster, (auth) => {
    const { get } = auth;
    auth.get = async (kind, name, subKind) => {
      const found = structuredClone(await get(kind, name, subKind));
      if (kind === "user" && behind-- > 0) found.metadata.revision = "the one before";
      return found;
    };
  });
  assert.ok(behind < 0);
});

test("a cluster of another make: what it does not offer", async () => {
  await replay("other-cluster", [], (auth) => {
    const { list } = auth;
    auth.list = async (kind) => {
      if (kind === "device") throw new Fault("unimplemented", "unknown service");
      return list(kind);
    };
  });
});

test("tokens: add, list, delete", async () => {
  await replay("tokens", cluster);
});

test("resources: get, create, delete", async () => {
  await replay("resources", [...cluster, ...devices, ...nodes]);
});

test("edit: the person's text is checked, stored under its revision and never lost", async () => {
  await replay("edit", [...cluster, ...devices]);
});

test("devices: add, list, enroll, lock, remove", async () => {
  await replay("devices", [...cluster, ...devices]);
});

test("enrollment tokens: list, show, revoke", async () => {
  await replay("enroll-tokens", [...cluster, ...devices], (auth) => {
    for (const token of autoTokens) auth.issued.set(token.id, token);
  });
});

test("inventory: import and export as CSV and JSON, and what is wrong with a file", async () => {
  await replay("inventory", devices);
});

test("devices: an empty inventory says so", async () => {
  await replay("devices-none", cluster);
});

const locks: readonly unknown[] = [
  {
    kind: "lock",
    metadata: { name: "0b7c2a54-0000-4000-8000-000000000001" },
    spec: {
      target: { user: "mallory", login: "root" },
      message: "on leave",
      created_at: "2026-11-20T08:00:00Z",
      created_by: "alice",
    },
  },
  {
    kind: "lock",
    metadata: { name: "0b7c2a54-0000-4000-8000-000000000002" },
    spec: {
      target: { login: "root" },
      expires: "2026-11-21T05:00:00Z",
      created_at: "2026-11-21T04:00:00Z",
      created_by: "alice",
    },
  },
  {
    kind: "lock",
    metadata: { name: "deleted-user-2bd806c97f0e00af1a1fc3328fa763a9" },
    spec: {
      target: { user: "bob" },
      message: "the user was deleted",
      expires: "2026-11-21T17:00:00Z",
      created_at: "2026-11-21T05:00:00Z",
      created_by: "alice",
    },
  },
  {
    kind: "lock",
    metadata: { name: "device-7a2e5a5c-0000-4000-8000-000000000001-0011223344556677" },
    spec: {
      target: { device: "7a2e5a5c-0000-4000-8000-000000000001/YXNkZg" },
      message: "device C00AA0AAAA0A is no longer enrolled with this key",
      expires: "2026-11-21T16:00:00Z",
      created_at: "2026-11-21T04:30:00Z",
      created_by: "alice",
    },
  },
];

test("locks: every target, one of them at least", async () => {
  await replay("locks", [...cluster, ...devices, ...nodes]);
});

test("locks: list and remove, and what a removal makes good again", async () => {
  await replay("locks-ls", [...cluster, ...locks]);
});

test("nodes and status", () =>
  replay("nodes", [...cluster, ...nodes, authority("host"), authority("user")]).then(
    () => undefined,
  ));

test("auth export: the forms that sshd and TLS servers read", async () => {
  await replay("auth-export", [authority("host"), authority("user"), authority("db")]);
});

test("alerts: raise, list, quiet", async () => {
  await replay("alerts", cluster);
});

test("audit: filters by kind, user, device and time", async () => {
  await replay("audit", cluster, (auth) => auth.events.push(...events));
});

test("explain: the rule, the device and what would help, for every kind of refusal", async () => {
  await replay("explain", [...cluster, ...devices], (auth) => auth.events.push(...refusals));
});

test("simulate: lost logins first, servers counted and named, devices that keep access", async () => {
  await replay("simulate", cluster, (auth) => {
    for (const [key, simulation] of simulations) auth.simulations.set(key, simulation);
  });
});

test("attestation: certificates of TPMs, authorities, bindings, rules about boots", async () => {
  await replay("attestation", [...cluster, ...devices], (auth) => {
    auth.attestations.set("7a2e5a5c-0000-4000-8000-000000000001", attestation);
    auth.bootSimulation = bootSimulation;
  });
});

test("help shows what the transcript shows", async () => {
  await replay("help", cluster);
});

test("help of every command fits on one screen and ends with an example of that command", () => {
  for (const command of tctl.commands) {
    const lines = formatHelp(tctl, command.path).trimEnd().split("\n");
    const name = command.path.join(" ");
    assert.ok(lines.length <= 40, `${name}: ${lines.length} lines`);
    assert.ok(
      lines.every((line) => line.length <= 100),
      `${name}: a line is too long`,
    );
    assert.ok(command.example.startsWith(`tctl ${name}`), `${name}: ${command.example}`);
  }
});

test("every example is a command line that tctl itself accepts", () => {
  for (const command of tctl.commands) {
    const words = splitWords(command.example.split(" > ")[0] ?? "").slice(1);
    const call = parseCommandLine(tctl, words, {});
    assert.equal(call.kind, "run");
    assert.equal(call.kind === "run" && call.command, command);
  }
});

test("every flag of every command is used in a transcript", async () => {
  const folder = new URL("testdata/", import.meta.url);
  const texts = await Promise.all(
    (await readdir(folder)).map((name) => readFile(new URL(name, folder), "utf8")),
  );
  const typed = texts
    .join("\n")
    .split("\n")
    .filter((line) => line.startsWith("$ "));
  for (const command of tctl.commands) {
    const name = command.path.join(" ");
    const lines = typed.filter((line) => line.includes(`tctl ${name}`));
    for (const [key, flag] of Object.entries(command.flags)) {
      if (flag.hidden) continue;
      const spelled = new RegExp(
        ` --${flagName(key)}( |=|$)${flag.short ? `| -${flag.short} ` : ""}`,
      );
      assert.ok(
        lines.some((line) => spelled.test(line)),
        `no transcript uses ${name} --${flagName(key)}`,
      );
    }
  }
});

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

function authority(type: string): unknown {
  return {
    kind: "cert_authority",
    sub_kind: type,
    metadata: { name: "teleport.example.com" },
    spec: {
      type,
      cluster_name: "teleport.example.com",
      active_keys: {
        ssh: [{ public_key: base64(`ssh-ed25519 AAAA${type}\n`) }],
        tls: [
          { cert: base64(`-----BEGIN CERTIFICATE-----\n${type}\n-----END CERTIFICATE-----\n`) },
        ],
      },
    },
  };
}
