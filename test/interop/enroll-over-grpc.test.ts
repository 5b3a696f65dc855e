/** A real TPM (swtpm) through the whole API: registered, enrolled, authenticated, and felt when it is unenrolled. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { equals } from "@bufbuild/protobuf";
import { decideIdentity } from "#access/decide-access.ts";
import { decodeResource, encodeResource } from "#api/convert/resource.ts";
import { loadPolicy } from "#auth/policy.ts";
import { ManualClock } from "#base/clock.ts";
import { isFault } from "#base/fault.ts";
import { systemRandom } from "#base/random.ts";
import { runAuthentication } from "#client/ceremony/authenticate.ts";
import { obtainEnrollToken, runEnrollment } from "#client/ceremony/enroll.ts";
import { TpmAuthenticator } from "#client/device/tpm-authenticator.ts";
import { DeviceEnrollStatus, DeviceSchema } from "#gen/teleport/devicetrust/v1/device_pb.ts";
import { parseCertificate } from "#ssh/certificate.ts";
import { parseAuthorizedKey } from "#ssh/public-key.ts";
import { connectPerson, logIn, type Person } from "../support/auth-person.ts";
import { startTestAuth, type TestAuth } from "../support/auth-service.ts";
import { collectedData } from "../support/device-ceremony.ts";
import { makePreference } from "../support/policy.ts";
import {
  createVendor,
  type ManufacturedTpm,
  manufactureTpm,
  removeTpms,
  startTpm,
  type TestVendor,
} from "../support/swtpm.ts";

let vendor: TestVendor;
let factory: ManufacturedTpm;
let home: string;

before(async () => {
  vendor = await createVendor("grpc");
  factory = await manufactureTpm(vendor);
  home = await mkdtemp(join(tmpdir(), "gatehouse-grpc-"));
});

after(async () => {
  await rm(home, { recursive: true, force: true });
  await removeTpms();
});

/** A cluster whose clock shows the time of the TPM's certificates. */
function startCluster(deviceTrust: object): Promise<TestAuth> {
  const authPreference = makePreference({ device_trust: deviceTrust });
  return startTestAuth({ authPreference }, { clock: new ManualClock(new Date()) });
}

/** Runs `use` with the device on a fresh copy of the manufactured TPM. */
async function withDevice(
  keyFile: string,
  use: (device: TpmAuthenticator, stateDir: string) => Promise<void>,
  stateDir = factory.stateDir,
) {
  const tpm = await startTpm(stateDir);
  const device = new TpmAuthenticator({
    tpm: { kind: "unix", path: tpm.socket },
    keyFile: join(home, keyFile),
    random: systemRandom,
  });
  try {
    await use(device, tpm.stateDir);
  } finally {
    await device.close();
    await tpm.stop();
  }
}

function dataOf({ clock }: TestAuth) {
  return collectedData({ collectTime: clock.now() });
}

async function authenticate(cluster: TestAuth, person: Person, device: TpmAuthenticator) {
  const { grpc } = person.client;
  const marked = await runAuthentication(grpc, device, dataOf(cluster), person);
  const { blob } = parseAuthorizedKey(marked.sshAuthorizedKey);
  return connectPerson(cluster, { tls: marked.x509Der, ssh: blob }, person.sshKey);
}

test("a TPM of an allowed maker is registered, enrolled and authenticated; both certificates keep their end", async () => {
  const cluster = await startCluster({ mode: "required", ekcert_allowed_cas: [vendor.issuerPem] });
  await withDevice("honest.json", async (device) => {
    const alice = await logIn(cluster, "alice");
    const data = dataOf(cluster);
    const { token, registered } = await obtainEnrollToken(alice.client.grpc, data);
    assert.equal(registered, true);
    await runEnrollment(alice.client.grpc, device, data, token);
    const devices = await alice.client.service("devices");
    const [stored] = (await devices.findDevices({ idOrTag: data.serialNumber })).devices;
    assert.equal(stored?.enrollStatus, DeviceEnrollStatus.ENROLLED);
    assert.equal(stored.owner, "alice");
    assert.match(stored.credential?.tpmEkcertSerial ?? "", /^[0-9a-f]{2}(:[0-9a-f]{2})*$/);
    assert.equal(stored.collectedData.length, 1);
    assert.ok(stored.collectedData[0]?.tpmPlatformAttestation?.platformParameters?.quotes.length);
    await devices.upsertDevice({ device: stored, createAsResource: true });
    const document = encodeResource("device", decodeResource("device", stored));
    assert.equal(document.collectedData[0]?.tpmPlatformAttestation, undefined);
    await devices.upsertDevice({ device: document, createAsResource: true });
    const kept = await devices.getDevice({ deviceId: stored.id });
    const { updateTime } = kept;
    assert.ok(equals(DeviceSchema, kept, { ...stored, ...(updateTime && { updateTime }) }));

    const trusted = await authenticate(cluster, alice, device);
    assert.deepEqual(trusted.identity, {
      ...alice.identity,
      device: {
        deviceId: stored.id,
        assetTag: data.serialNumber,
        credentialId: stored.credential?.id,
      },
    });
    const before = parseCertificate(parseAuthorizedKey(alice.sshCertificate).blob);
    const marked = parseCertificate(parseAuthorizedKey(trusted.sshCertificate).blob);
    assert.equal(marked.validBefore, before.validBefore);
    assert.deepEqual(marked.principals, before.principals);
    assert.deepEqual(
      [...marked.extensions].filter(([name]) => !name.startsWith("teleport-device-")),
      [...before.extensions],
    );
    assert.equal(marked.extensions.get("teleport-device-id"), stored.id);

    const event = await cluster.lastEvent("device.authenticate");
    assert.equal(event?.["success"], true);
    const told = event?.["device"] as { asset_tag?: string } | undefined;
    assert.equal(told?.asset_tag, data.serialNumber);
  });
  await cluster.close();
});

test("unenrollment strikes the certificates of the device at once, and no others; enrolling again heals", async () => {
  const cluster = await startCluster({ mode: "required" });
  await withDevice("unenrolled.json", async (device) => {
    const alice = await logIn(cluster, "alice");
    const { grpc } = alice.client;
    const data = dataOf(cluster);
    const first = await obtainEnrollToken(grpc, data);
    await runEnrollment(grpc, device, data, first.token);
    const trusted = await authenticate(cluster, alice, device);
    const decide = async () =>
      decideIdentity({
        identity: trusted.identity,
        policy: await loadPolicy(cluster.auth.context),
        now: cluster.clock.now(),
        clientIp: "127.0.0.1",
      });
    assert.equal((await decide()).allowed, true);

    const devices = await alice.client.service("devices");
    const { deviceId = "" } = trusted.identity.device ?? {};
    const unenrolled = await devices.updateDevice({
      device: { id: deviceId, enrollStatus: DeviceEnrollStatus.NOT_ENROLLED },
      updateMask: { paths: ["enroll_status"] },
    });
    assert.equal(unenrolled.credential, undefined);
    assert.equal(unenrolled.owner, "");
    const refused = await decide();
    assert.ok(!refused.allowed && refused.reason.check === "locks");
    cluster.clock.advance(1);
    await assert.rejects(authenticate(cluster, alice, device), (error) =>
      isFault(error, "access-denied"),
    );
    const event = await cluster.lastEvent("device.authenticate");
    assert.equal(event?.["reason"], "unknown_device");

    const again = await obtainEnrollToken(grpc, data);
    assert.equal(again.registered, false);
    await runEnrollment(grpc, device, data, again.token);
    assert.equal((await authenticate(cluster, alice, device)).identity.device?.deviceId, deviceId);
    assert.deepEqual(await cluster.auth.context.stores.locks.all(), []);
  });
  await cluster.close();
});

test("a second record cannot take the same TPM", async () => {
  const cluster = await startCluster({ mode: "optional" });
  await withDevice("twice.json", async (device) => {
    const alice = await logIn(cluster, "alice");
    const { grpc } = alice.client;
    const data = dataOf(cluster);
    await runEnrollment(grpc, device, data, (await obtainEnrollToken(grpc, data)).token);
    const other = { ...data, serialNumber: "OTHER1" };
    const { token } = await obtainEnrollToken(grpc, other);
    cluster.clock.advance(1);
    await assert.rejects(runEnrollment(grpc, device, other, token), (error) =>
      isFault(error, "already-exists"),
    );
    const event = await cluster.lastEvent("device.enroll");
    assert.equal(event?.["success"], false);
    assert.equal(event["reason"], "credential_bound");
  });
  await cluster.close();
});

test("a TPM of another maker is refused by name, and the token is spent all the same", async () => {
  const other = await createVendor("grpc-other");
  const cluster = await startCluster({ mode: "optional", ekcert_allowed_cas: [other.issuerPem] });
  await withDevice("untrusted.json", async (device) => {
    const alice = await logIn(cluster, "alice");
    const { grpc } = alice.client;
    const data = dataOf(cluster);
    const { token } = await obtainEnrollToken(grpc, data);
    const reasons: unknown[] = [];
    for (let i = 0; i < 2; i++) {
      cluster.clock.advance(1);
      await assert.rejects(runEnrollment(grpc, device, data, token), (error) =>
        isFault(error, "access-denied"),
      );
      reasons.push((await cluster.lastEvent("device.enroll"))?.["reason"]);
    }
    assert.deepEqual(reasons, ["ek_untrusted", "enroll_token_spent"]);
  });
  await cluster.close();
});

test("a copy of a virtual TPM is refused once the original has been started again", async () => {
  const cluster = await startCluster({ mode: "required" });
  const alice = await logIn(cluster, "alice");
  /** Starts the device on a copy of the state, seconds later; gives the state that it leaves. */
  const startOn = async (state: string, use: (device: TpmAuthenticator) => Promise<unknown>) => {
    let left = "";
    cluster.clock.advance(10_000);
    await withDevice(
      "copied.json",
      async (device, stateDir) => {
        left = stateDir;
        await use(device);
      },
      state,
    );
    return left;
  };
  const enrolled = await startOn(factory.stateDir, async (device) => {
    const data = dataOf(cluster);
    const { token } = await obtainEnrollToken(alice.client.grpc, data);
    await runEnrollment(alice.client.grpc, device, data, token);
  });
  const once = await startOn(enrolled, (original) => authenticate(cluster, alice, original));
  await startOn(once, (original) => authenticate(cluster, alice, original));
  await startOn(enrolled, async (copy) => {
    await assert.rejects(authenticate(cluster, alice, copy), (error) =>
      isFault(error, "access-denied"),
    );
    const event = await cluster.lastEvent("device.authenticate");
    assert.equal(event?.["reason"], "tpm_rolled_back");
  });
  await cluster.close();
});
