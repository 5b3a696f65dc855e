/** `tsh device status` and `tsh device doctor` against a fake cluster: what a person reads, and exit codes. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { writeAttestationKey } from "#client/device/attestation-key-file.ts";
import { deviceKeyFile } from "#client/device-state.ts";
import { DeviceOwner } from "#gen/gatehouse/v1/admin_pb.ts";
import { startTestHome, type TestHome } from "../../test/support/client/tsh.ts";
import { loadTpmVector } from "../../test/support/tpm-vectors.ts";

const { parameters, credentialId } = loadTpmVector("p256-sha256");

type Options = NonNullable<Parameters<typeof startTestHome>[0]>;

/** A machine called LAP1 without a TPM. */
async function start(context: TestContext, options: Options = {}): Promise<TestHome> {
  const home = await startTestHome({
    ...options,
    env: { GATEHOUSE_TPM: "device:/nonexistent/tpmrm0", ...options.env },
  });
  context.after(() => home.close());
  writeFileSync(join(home.services.env["GATEHOUSE_DMI_DIR"] ?? "", "product_serial"), "LAP1\n");
  return home;
}

function writeKey({ services }: TestHome): Promise<void> {
  const endorsementHash = "ab".repeat(32);
  const key = { ...parameters, private: Uint8Array.of(1), endorsementHash };
  return writeAttestationKey(deviceKeyFile(services.env), key);
}

/** With a web certificate that was accepted, as people do with a cluster of their own. */
async function logInAgain(home: TestHome): Promise<void> {
  await home.run(["logout"]);
  const words = ["login", "--insecure", `--proxy=localhost:${home.cluster.port}`, "--user=alice"];
  const { code, stderr } = await home.run(words, { stdin: "hunter2\n123456\n" });
  assert.equal(code, 0, stderr);
}

const mine = {
  registered: true,
  enrolled: true,
  owner: DeviceOwner.CALLER,
  details: {
    owner: "alice",
    credentialId,
    lastAuthenticated: timestampFromDate(new Date("2026-11-21T09:00:00Z")),
  },
  credentialMatches: true,
  clusterMode: "required",
  clusterDemands: true,
  demandingRoles: [{ role: "require-trusted-device", mode: "required" }],
  mayEnroll: true,
};

test("status tells of a device that is enrolled, whose TPM is off, and that is not in the login", async (context) => {
  const home = await start(context, { description: mine });
  await writeKey(home);
  const { code, stdout, stderr } = await home.run(["device", "status"]);
  assert.match(stderr, /^WARNING: GATEHOUSE_TPM and GATEHOUSE_DMI_DIR are set/);
  assert.equal(
    stdout,
    `Device:              LAP1 (Linux)
Key:                 credential ${credentialId}, which cannot be used
Login:               alice at localhost:${home.cluster.port}, without a device
Registered:          yes
Enrolled:            yes, by you, with the key of this machine
Last authenticated:  2026-11-21T09:00:00.000Z
Demanded by:         the cluster (required), role "require-trusted-device" (required)
You may enroll:      with a token from an administrator
Missing:             this machine has no TPM 2.0 (/nonexistent/tpmrm0 does not exist)
What helps:          switch the TPM on in the firmware setup (also called PTT or fTPM), or add one to the virtual machine
Missing:             the login does not carry this device
What helps:          log in again with: tsh logout; tsh login
`,
  );
  assert.equal(code, 0);
  assert.ok(home.cluster.calls.includes(`asked about linux LAP1 ${credentialId}`));
});

test("status has everything as JSON", async (context) => {
  const home = await start(context, { description: mine });
  const { stdout } = await home.run(["device", "status", "--format=json"]);
  const { device, login, cluster, missing } = JSON.parse(stdout);
  assert.deepEqual(device, { os_type: "linux", asset_tag: "LAP1" });
  assert.deepEqual(
    [login.user, login.expired, login.device_asset_tag],
    ["alice", false, undefined],
  );
  assert.deepEqual(
    [cluster.enrolled, cluster.owned_by, cluster.last_authenticated],
    [true, "you", "2026-11-21T09:00:00.000Z"],
  );
  assert.deepEqual(
    missing.map(({ about }: { about: string }) => about),
    ["key", "carried"],
  );
});

test("status of a device that is not registered says what the administrator types", async (context) => {
  const home = await start(context, { description: { clusterMode: "optional" } });
  const { stdout } = await home.run(["device", "status"]);
  assert.match(stdout, /^Key: +none on this machine$/m);
  assert.match(stdout, /^Missing: +this machine has no TPM 2\.0/m);
  assert.match(stdout, /^Registered: +no$/m);
  assert.match(stdout, /^Demanded by: +nobody$/m);
  assert.match(stdout, /^What helps: .*tctl devices add --os=linux --asset-tag=LAP1 --enroll/m);
});

test("status works without a login, and says so", async (context) => {
  const home = await start(context);
  await home.run(["logout"]);
  const { code, stdout } = await home.run(["device", "status"]);
  assert.equal(code, 0);
  assert.match(stdout, /^Login: +nobody is logged in$/m);
  assert.match(stdout, /^What helps: +log in with: tsh login --proxy=HOST --user=NAME$/m);
  const json = JSON.parse((await home.run(["device", "status", "--format=json"])).stdout);
  assert.deepEqual([json.login, json.cluster], [undefined, undefined]);
});

test("status of a machine without serial number asks about nobody's device", async (context) => {
  const home = await start(context, { description: mine });
  writeFileSync(join(home.services.env["GATEHOUSE_DMI_DIR"] ?? "", "product_serial"), "");
  const { stdout } = await home.run(["device", "status"]);
  assert.match(stdout, /^Device: +no serial number \(Linux\)$/m);
  assert.doesNotMatch(stdout, /^Registered:/m);
  assert.match(stdout, /^What helps: +set a serial number or an asset tag in the firmware setup/m);
  assert.ok(home.cluster.calls.includes("asked about linux"));
});

test("status at a cluster that does not know the question shows what it can", async (context) => {
  const home = await start(context);
  const { code, stdout } = await home.run(["device", "status"]);
  assert.equal(code, 0);
  assert.match(stdout, /^Login: +alice at /m);
  assert.match(stdout, /^Missing: .*(?:unimplemented|not implemented|unknown|does not)/m);
});

test("status with a damaged key file names the file", async (context) => {
  const home = await start(context, { description: mine });
  const file = deviceKeyFile(home.services.env);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, "{}");
  const { stdout } = await home.run(["device", "status"]);
  assert.match(stdout, /^Key: +a file that cannot be used$/m);
  assert.match(stdout, /^What helps: +remove it and enroll again: rm /m);
});

const lines = (text: string) =>
  new Map(
    text
      .trimEnd()
      .split("\n")
      .map((line) => [line.slice(9, 30).trim(), line.slice(0, 9).trim()]),
  );

test("doctor makes every check, a line each, and ends with 1 when one found a problem", async (context) => {
  const home = await start(context, { description: mine });
  await logInAgain(home);
  await writeKey(home);
  const { code, stdout, stderr } = await home.run(["device", "doctor"]);
  assert.equal(code, 1);
  assert.deepEqual(Object.fromEntries(lines(stdout)), {
    TPM: "problem",
    "PCR banks": "skipped",
    "TPM hierarchies": "skipped",
    "device key": "skipped",
    "event log": "skipped",
    "serial number": "ok",
    login: "ok",
    proxy: "ok",
    enrollment: "ok",
    "posture rules": "ok",
    "device in the login": "problem",
  });
  assert.match(stderr, /^hint: TPM: switch the TPM on in the firmware setup/m);
  assert.match(
    stdout,
    /^problem +device in the login +the login does not carry this device: .*TPM/m,
  );
});

test("doctor does not trust a web certificate that the person did not accept", async (context) => {
  const home = await start(context, { description: mine });
  const { stdout } = await home.run(["device", "doctor"]);
  assert.match(stdout, /^problem +proxy +the web certificate of .* is not trusted/m);
});

test("doctor does not ask for the device in the login with a key that cannot be used", async (context) => {
  const home = await start(context, { description: mine });
  const file = deviceKeyFile(home.services.env);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, "{}");
  const { stdout } = await home.run(["device", "doctor"]);
  assert.equal(lines(stdout).get("device key"), "problem");
  assert.equal(lines(stdout).get("device in the login"), "skipped");
});

test("doctor and status name a posture rule that the device does not meet, with the fact and what helps", async (context) => {
  const unmet = {
    ...{ role: "prod", rule: "device.secure_boot", message: "Switch on Secure Boot" },
    ...{ facts: ["device.secure_boot is false"], remedies: ["switch it on", "log in again"] },
  };
  const home = await start(context, { description: { ...mine, unmetRules: [unmet] } });
  await writeKey(home);
  const { stdout, stderr } = await home.run(["device", "doctor"]);
  assert.equal(lines(stdout).get("posture rules"), "problem");
  assert.match(
    stdout,
    /the role "prod" demands of the device: Switch on Secure Boot \(device\.secure_boot is false\)/,
  );
  assert.match(stderr, /^hint: posture rules: switch it on; log in again$/m);
  const status = await home.run(["device", "status"]);
  assert.match(status.stdout, /^Missing: +the role "prod" demands of the device/m);
  assert.match(status.stdout, /^What helps: +switch it on; log in again$/m);
});

test("doctor as JSON says in one word whether the machine is well", async (context) => {
  const home = await start(context, { description: mine });
  const { code, stdout } = await home.run(["device", "doctor", "--format=json"]);
  const { healthy, checks } = JSON.parse(stdout);
  assert.deepEqual([code, healthy, checks.length], [1, false, 11]);
  assert.deepEqual(checks[0].outcome, "problem");
  assert.match(checks[0].hint, /firmware setup/);
});

for (const [name, clockAheadMs, message] of [
  ["behind", 300_000, /the clock of this machine is 5 minutes behind the proxy's/],
  ["ahead", -300_000, /the clock of this machine is 5 minutes ahead of the proxy's/],
] as const) {
  test(`doctor finds a clock that is ${name}`, async (context) => {
    const home = await start(context, { description: mine, clockAheadMs });
    await logInAgain(home);
    const { stdout, stderr } = await home.run(["device", "doctor"]);
    assert.equal(lines(stdout).get("proxy"), "problem");
    assert.match(stdout, message);
    assert.match(stderr, /^hint: proxy: set the clock: /m);
  });
}

for (const [name, description, hint] of [
  ["unenrolled", { ...mine, enrolled: false, credentialMatches: false }, /tctl devices enroll/],
  ["enrolled with another key", { ...mine, credentialMatches: false }, /tctl devices enroll/],
  ["locked", { ...mine, lock: "lock targeting Device is in force" }, /tctl locks rm ID/],
] as const) {
  test(`doctor finds a device that was ${name}`, async (context) => {
    const home = await start(context, { description });
    const { stdout, stderr } = await home.run(["device", "doctor"]);
    assert.equal(lines(stdout).get("enrollment"), "problem");
    assert.equal(lines(stdout).get("device in the login"), "skipped");
    assert.match(stderr, new RegExp(`^hint: enrollment: .*${hint.source}`, "m"));
  });
}

test("doctor does not call it a problem that device trust is off, or that nobody is logged in", async (context) => {
  const off = await start(context, { description: { clusterMode: "off" } });
  assert.equal(lines((await off.run(["device", "doctor"])).stdout).get("enrollment"), "skipped");
  const out = await start(context);
  await out.run(["logout"]);
  const found = lines((await out.run(["device", "doctor"])).stdout);
  for (const name of ["login", "proxy", "enrollment", "posture rules", "device in the login"]) {
    assert.equal(found.get(name), "skipped", name);
  }
});

test("doctor does not take a placeholder of the firmware for a serial number", async (context) => {
  const home = await start(context);
  const folder = home.services.env["GATEHOUSE_DMI_DIR"] ?? "";
  writeFileSync(join(folder, "product_serial"), "To be filled by O.E.M.\n");
  const { stdout, stderr } = await home.run(["device", "doctor"]);
  assert.equal(lines(stdout).get("serial number"), "problem");
  assert.match(stderr, /^hint: serial number: set a serial number or an asset tag/m);
});

test("a choice of TPM that means nothing is a mistake in usage", async (context) => {
  const home = await start(context, { env: { GATEHOUSE_TPM: "usb" } });
  for (const command of ["status", "doctor"]) {
    assert.equal((await home.run(["device", command])).code, 2, command);
  }
});
