/** The attestation policy where it counts: in both ceremonies over gRPC, in the dry run, and in the audit log. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeResource, encodeResource } from "#api/convert/resource.ts";
import { isFault } from "#base/fault.ts";
import { parseResourceOf } from "#resource/parse.ts";
import { judgeEndorsement } from "#tpm/endorsement.ts";
import { parseEndorsementKey } from "#tpm/endorsement-certificate.ts";
import { authenticateAs, enrollAs, logIn, type Person } from "../../../test/support/auth-person.ts";
import { startTestAuth, type TestAuth } from "../../../test/support/auth-service.ts";
import { bootEvents } from "../../../test/support/event-log.ts";
import { SimulatedTpmDevice } from "../../../test/support/simulated-devices.ts";

function policyOf(spec: object) {
  return encodeResource(
    "attestation_policy",
    parseResourceOf("attestation_policy", { kind: "attestation_policy", spec }),
  );
}

const secureBoot = (mode: string) => ({ name: "secure", secure_boot: true, mode });
const unchanged = (mode: string) => ({ name: "drift", unchanged_pcrs: [0, 7], mode });

async function setPolicy({ client }: Person, spec: object): Promise<void> {
  await (await client.service("attestation")).upsertAttestationPolicy({ policy: policyOf(spec) });
}

/** A cluster, its administrator, and a simulated device that booted with Secure Boot on and is enrolled. */
async function startEnrolled(os: "linux" | "windows" = "linux") {
  const cluster = await startTestAuth();
  const admin = await logIn(cluster, "admin");
  const device = new SimulatedTpmDevice(os, { kind: "rsa" });
  device.boot(bootEvents(true));
  await enrollAs(cluster, admin, device);
  cluster.clock.advance(10_000);
  const [found] = (
    await (await admin.client.service("devices")).findDevices({ idOrTag: "PF47WND6" })
  ).devices;
  return { cluster, admin, device, deviceId: found?.id ?? assert.fail() };
}

async function refuses(
  cluster: TestAuth,
  event: string,
  reason: string,
  act: () => Promise<unknown>,
) {
  cluster.clock.advance(10_000);
  await assert.rejects(act, (error) => {
    assert.ok(isFault(error, "access-denied"), String(error));
    assert.match(error.message, /^device (enrollment|authentication) refused$/);
    assert.ok(!`${error.message} ${error.hint}`.includes(reason));
    return true;
  });
  const last = await cluster.lastEvent(event);
  assert.deepEqual([last?.success, last?.["reason"]], [false, reason]);
  return String(last?.["message"]);
}

async function simulate({ client }: Person, spec?: object) {
  const service = await client.service("attestation");
  const failing = new Map<string, readonly string[]>();
  let totals: Readonly<Record<string, unknown>> | undefined;
  for await (const { part } of service.simulateMeasuredBoot(
    spec ? { policy: policyOf(spec) } : {},
  )) {
    if (part.case === "device") {
      const { assetTag, findings } = part.value;
      failing.set(
        assetTag,
        findings.map(({ rule, reason }) => `${rule}:${reason}`),
      );
    }
    if (part.case === "totals") totals = part.value;
  }
  const { enrolled, refused, reported, satisfied, unconcerned } = totals ?? assert.fail();
  return { failing, totals: [enrolled, refused, reported, satisfied, unconcerned].map(Number) };
}

test("a rule that is enforced refuses at the enrollment and at every authentication", async () => {
  const { cluster, admin, device } = await startEnrolled();
  await setPolicy(admin, { measured_boot: [secureBoot("enforce")] });
  assert.ok(await authenticateAs(cluster, admin, device));
  device.boot(bootEvents(false));
  const why = await refuses(cluster, "device.authenticate", "secure_boot_off", () =>
    authenticateAs(cluster, admin, device),
  );
  assert.equal(why, 'measured-boot rule "secure": Secure Boot is off');
  await refuses(cluster, "device.enroll", "secure_boot_off", () =>
    enrollAs(cluster, admin, device),
  );
  device.boot(bootEvents(true));
  cluster.clock.advance(10_000);
  assert.ok(await authenticateAs(cluster, admin, device));
  await cluster.close();
});

test("a rule that reports lets the device in, and the audit log says what would fail", async () => {
  const { cluster, admin, device } = await startEnrolled();
  await setPolicy(admin, { measured_boot: [secureBoot("report")] });
  device.boot(bootEvents(false));
  assert.ok(await authenticateAs(cluster, admin, device));
  const event = await cluster.lastEvent("device.boot.report");
  assert.equal(event?.["reason"], "secure_boot_off");
  assert.equal(event?.["message"], 'measured-boot rule "secure": Secure Boot is off');
  await cluster.close();
});

test("an interval of re-attestation begins when it is set, whatever the document says, and people may ask for it", async () => {
  const { cluster, admin } = await startEnrolled();
  const service = await admin.client.service("attestation");
  const asked = async () => Number((await service.getReattestation({})).everyMs);
  const since = async () => {
    const document = decodeResource("attestation_policy", await service.getAttestationPolicy({}));
    return Date.parse(document.spec.reattestation?.since ?? "");
  };
  assert.equal(await asked(), 0);
  const first = cluster.clock.now().getTime();
  const early = { every: "15m", since: "2001-01-01T00:00:00Z" };
  await setPolicy(admin, { reattestation: early });
  assert.deepEqual([await asked(), await since()], [900_000, first]);
  cluster.clock.advance(60_000);
  await setPolicy(admin, { reattestation: { every: "15m" }, allow_sha1_on_windows: true });
  assert.equal(await since(), first);
  await setPolicy(admin, { reattestation: { every: "5m" } });
  assert.deepEqual([await asked(), await since()], [300_000, cluster.clock.now().getTime()]);
  const event = await cluster.lastEvent("attestation_policy.update");
  assert.match(String(event?.["message"]), /prove themselves anew: every 5m0s$/);
  await cluster.close();
});

test("a boot whose PCRs changed is refused until an administrator approves it", async () => {
  const { cluster, admin, device, deviceId } = await startEnrolled();
  await setPolicy(admin, { measured_boot: [unchanged("enforce")] });
  device.boot([...bootEvents(true), { pcr: 0, type: 1, data: new Uint8Array(9) }]);
  await refuses(cluster, "device.authenticate", "pcr_changed", () =>
    authenticateAs(cluster, admin, device),
  );
  const service = await admin.client.service("attestation");
  const explain = await admin.client.service("explain");
  const question = { osType: "linux", assetTag: "PF47WND6" };
  const refusedAt = async () => (await explain.describeDevice(question)).details?.bootRefused;
  assert.equal(Number((await refusedAt())?.seconds) * 1000, cluster.clock.now().getTime());
  const before = await service.getDeviceAttestation({ deviceId });
  assert.ok(before.refusedBoot && before.refusedBoot.pcrs[0] !== before.baseline[0]);
  assert.equal(before.refusedBoot.pcrs[7], before.baseline[7]);
  const approved = await service.approveBoot({ deviceId });
  assert.deepEqual(approved.baseline, before.refusedBoot.pcrs);
  assert.equal(approved.refusedBoot, undefined);
  assert.equal(await refusedAt(), undefined);
  assert.match(String((await cluster.lastEvent("device.update"))?.["message"]), /approved/);
  cluster.clock.advance(10_000);
  assert.ok(await authenticateAs(cluster, admin, device));
  device.boot(bootEvents(true));
  await refuses(cluster, "device.authenticate", "pcr_changed", () =>
    authenticateAs(cluster, admin, device),
  );
  await cluster.close();
});

test("PCR values that changed since the last login are told, although no rule is set", async () => {
  const { cluster, admin, device } = await startEnrolled();
  device.boot([...bootEvents(true), { pcr: 4, type: 1, data: new Uint8Array(9) }]);
  assert.ok(await authenticateAs(cluster, admin, device));
  const event = await cluster.lastEvent("device.drift");
  assert.equal(event?.["message"], "PCR 4 changed since the last authentication");
  await cluster.close();
});

test("the dry run agrees with the ceremony, and changes nothing", async () => {
  const { cluster, admin, device } = await startEnrolled();
  const policies = [
    { measured_boot: [secureBoot("enforce"), unchanged("report")] },
    { measured_boot: [secureBoot("report"), unchanged("enforce")] },
    { measured_boot: [{ ...secureBoot("enforce"), os: ["windows"] }] },
    {
      measured_boot: [
        { name: "firmware", mode: "enforce", allowed_firmware: [{ version: "firmware volume" }] },
      ],
    },
    {
      measured_boot: [{ name: "firmware", mode: "enforce", allowed_firmware: [{ version: "2" }] }],
    },
  ];
  const boots = [
    bootEvents(true),
    bootEvents(false),
    [...bootEvents(true), { pcr: 0, type: 1, data: new Uint8Array(9) }],
  ];
  for (const events of boots) {
    for (const spec of policies) {
      await setPolicy(admin, {});
      device.boot(events);
      cluster.clock.advance(10_000);
      await authenticateAs(cluster, admin, device);
      const { failing, totals } = await simulate(admin, spec);
      assert.deepEqual((await simulate(admin)).totals, [1, 0, 0, 0, 1]);
      await setPolicy(admin, spec);
      assert.deepEqual((await simulate(admin)).totals, totals);
      cluster.clock.advance(10_000);
      const entered = await authenticateAs(cluster, admin, device).then(
        () => true,
        () => false,
      );
      assert.equal(entered, totals[1] === 0, JSON.stringify([spec, totals]));
      if (!entered) {
        const last = await cluster.lastEvent("device.authenticate");
        const found = failing.get("PF47WND6") ?? [];
        assert.ok(
          found.some((each) => each.endsWith(`:${last?.["reason"]}`)),
          String(last?.["message"]),
        );
      }
    }
  }
  await cluster.close();
});

test("a device that was refused is simulated by the boot for which it was", async () => {
  const { cluster, admin, device } = await startEnrolled();
  const spec = { measured_boot: [secureBoot("enforce")] };
  await setPolicy(admin, spec);
  device.boot(bootEvents(false));
  await refuses(cluster, "device.authenticate", "secure_boot_off", () =>
    authenticateAs(cluster, admin, device),
  );
  assert.deepEqual((await simulate(admin)).failing.get("PF47WND6"), ["secure:secure_boot_off"]);
  await cluster.close();
});

test("a record that is bound to a TPM takes no other, and a bad binding is refused", async () => {
  const cluster = await startTestAuth();
  const admin = await logIn(cluster, "admin");
  const device = new SimulatedTpmDevice("linux");
  const devices = await admin.client.service("devices");
  const { id: deviceId } = await devices.createDevice({
    device: { apiVersion: "v1", osType: 1, assetTag: "PF47WND6" },
  });
  const service = await admin.client.service("attestation");
  const none = { keyHash: "", certificateSerial: "" };
  for (const bad of [{ keyHash: "AB".repeat(32) }, { keyHash: "ab" }, { certificateSerial: "1" }]) {
    await assert.rejects(service.bindEndorsementKey({ deviceId, ...none, ...bad }), (error) =>
      isFault(error, "invalid"),
    );
  }
  await service.bindEndorsementKey({ deviceId, ...none, keyHash: "ab".repeat(32) });
  await refuses(cluster, "device.enroll", "ek_not_bound", () => enrollAs(cluster, admin, device));
  await service.bindEndorsementKey({ deviceId, ...none, certificateSerial: "01:02" });
  await refuses(cluster, "device.enroll", "ek_serial_not_bound", () =>
    enrollAs(cluster, admin, device),
  );
  const key = device.tpm.endorsementSpki;
  assert.ok(parseEndorsementKey(key));
  const { publicKeyHash: keyHash } = judgeEndorsement({ key }, { authorities: [], at: new Date() });
  await service.bindEndorsementKey({ deviceId, ...none, keyHash });
  await enrollAs(cluster, admin, device);
  // The binding outlives the enrollment.
  await devices.updateDevice({
    device: { id: deviceId, enrollStatus: 1 },
    updateMask: { paths: ["enroll_status"] },
  });
  assert.equal((await service.getDeviceAttestation({ deviceId })).boundKeyHash, keyHash);
  const freed = await service.bindEndorsementKey({ deviceId, ...none });
  assert.equal(freed.boundKeyHash, "");
  await cluster.close();
});

test("SHA-1 keys enrol only on Windows, only while the option is set, and the audit log says both", async () => {
  const cluster = await startTestAuth();
  const admin = await logIn(cluster, "admin");
  const sha1 = { kind: "rsa", hash: 4 } as const;
  const windows = new SimulatedTpmDevice("windows", sha1);
  await refuses(cluster, "device.enroll", "ak_sha1", () => enrollAs(cluster, admin, windows));
  await setPolicy(admin, { allow_sha1_on_windows: true });
  const update = await cluster.lastEvent("attestation_policy.update");
  assert.match(String(update?.["message"]), /^SHA-1 keys of Windows devices are accepted;/);
  await refuses(cluster, "device.enroll", "ak_sha1", () =>
    enrollAs(cluster, admin, new SimulatedTpmDevice("linux", sha1)),
  );
  await enrollAs(cluster, admin, windows);
  const enrolled = await cluster.lastEvent("device.enroll");
  assert.match(String(enrolled?.["message"]), /its key signs with SHA-1/);
  cluster.clock.advance(10_000);
  assert.ok(await authenticateAs(cluster, admin, windows));
  assert.deepEqual((await simulate(admin)).failing, new Map());
  assert.deepEqual(await simulate(admin, {}), {
    failing: new Map([["PF47WND6", ["allow_sha1_on_windows:ak_sha1"]]]),
    totals: [1, 1, 0, 0, 0],
  });
  const service = await admin.client.service("attestation");
  await service.resetAttestationPolicy({});
  await refuses(cluster, "device.authenticate", "ak_sha1", () =>
    authenticateAs(cluster, admin, windows),
  );
  await cluster.close();
});

test("only who may change the policy changes it, and a policy that says nothing sound is not stored", async () => {
  const { cluster, admin, deviceId } = await startEnrolled();
  const bob = await logIn(cluster, "bob", { roles: ["access", "device-enroll"] });
  const service = await bob.client.service("attestation");
  const denied = [
    () => service.getAttestationPolicy({}),
    () => service.upsertAttestationPolicy({ policy: policyOf({}) }),
    () => service.resetAttestationPolicy({}),
    () => service.approveBoot({ deviceId }),
    () => service.getDeviceAttestation({ deviceId }),
    () => service.bindEndorsementKey({ deviceId }),
    () => simulate(bob),
  ];
  for (const act of denied) {
    await assert.rejects(act, (error) => isFault(error, "access-denied"));
  }
  const own = await admin.client.service("attestation");
  const spec = { measuredBoot: [{ name: "r", os: ["linux"], mode: "loud", secureBoot: true }] };
  await assert.rejects(own.upsertAttestationPolicy({ policy: { spec } }), (error) =>
    isFault(error, "invalid"),
  );
  await assert.rejects(own.updateAttestationPolicy({}), (error) => isFault(error, "invalid"));
  const stored = await own.getAttestationPolicy({});
  assert.equal(stored.spec?.measuredBoot.length, 0);
  await own.updateAttestationPolicy({ policy: stored });
  await assert.rejects(own.updateAttestationPolicy({ policy: stored }), (error) =>
    isFault(error, "conflict"),
  );
  await cluster.close();
});
