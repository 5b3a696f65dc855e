/**
 * The corpus of forged evidence at the real services: every forgery is refused, the audit event names the check, and the
 * peer reads the same words for all of them.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { encodeResource } from "#api/convert/resource.ts";
import { isFault } from "#base/fault.ts";
import { parseResourceOf } from "#resource/parse.ts";
import { evidenceReasons } from "#tpm/refusal.ts";
import { authenticateAs, enrollAs, logIn, type Person } from "../../../test/support/auth-person.ts";
import { startTestAuth, type TestAuth } from "../../../test/support/auth-service.ts";
import { toPem } from "../../../test/support/endorsement-certificates.ts";
import { attestationKeyForgeries } from "../../../test/support/forgeries/attestation-keys.ts";
import {
  createListedMaker,
  type Forged,
  ForgingDevice,
} from "../../../test/support/forgeries/device.ts";
import { endorsementForgeries } from "../../../test/support/forgeries/endorsement.ts";
import { eventLogForgeries } from "../../../test/support/forgeries/event-logs.ts";
import { quoteForgeries } from "../../../test/support/forgeries/quotes.ts";
import { solutionForgeries } from "../../../test/support/forgeries/solutions.ts";
import { makePreference } from "../../../test/support/policy.ts";

/** Reasons inside an event log, which the audit log gives as a verdict of the rule that demands one. */
const insideLogs = ["event_log", "event_log_limit"];

let cluster: TestAuth;
let admin: Person;
let device: ForgingDevice;

/** Auth with one listed maker, a rule about boots, and an enrolled device whose record is bound to its TPM. */
before(async () => {
  const maker = createListedMaker();
  const ekcert_allowed_cas = [toPem(maker.certificate)];
  cluster = await startTestAuth({
    authPreference: makePreference({ device_trust: { ekcert_allowed_cas } }),
  });
  admin = await logIn(cluster, "admin");
  device = new ForgingDevice(maker);
  await enrollAs(cluster, admin, device);
  const rules = [{ name: "boot", mode: "enforce", event_log: true, secure_boot: true }];
  const spec = { measured_boot: rules };
  const policy = encodeResource(
    "attestation_policy",
    parseResourceOf("attestation_policy", { kind: "attestation_policy", spec }),
  );
  const service = await admin.client.service("attestation");
  await service.upsertAttestationPolicy({ policy });
  const devices = await admin.client.service("devices");
  const [found] = (await devices.findDevices({ idOrTag: "PF47WND6" })).devices;
  const deviceId = found?.id ?? assert.fail();
  const { endorsement } = await service.getDeviceAttestation({ deviceId });
  const { keyHash, certificateSerial } = endorsement ?? assert.fail();
  await service.bindEndorsementKey({ deviceId, keyHash, certificateSerial });
});

after(() => cluster?.close());

type Ceremony = "enroll" | "authenticate";

/** Runs the ceremony with the forgery; gives what the peer read, without the id, and the reason in the audit event. */
async function refusalOf(ceremony: Ceremony, forged: Forged) {
  cluster.clock.advance(1000);
  device.forged = forged;
  const run = ceremony === "enroll" ? enrollAs : authenticateAs;
  const error = await run(cluster, admin, device).then(
    () => assert.fail(`${nameOf(forged)} was accepted`),
    (error: unknown) => error,
  );
  device.forged = {};
  if (!isFault(error, "access-denied")) throw error;
  const event = await cluster.lastEvent(`device.${ceremony}`);
  assert.equal(event?.success, false);
  const read = `${error.message}\n${error.hint}`.replaceAll(String(event?.uid), "ID");
  return { read, reason: event?.["reason"], message: String(event?.["message"]) };
}

function nameOf({ keys, solution, platform }: Forged): string {
  return (keys ?? solution ?? platform)?.name ?? "honest evidence";
}

const platforms = [...quoteForgeries, ...eventLogForgeries].map((platform) => ({ platform }));
const corpus: readonly (readonly [Ceremony, Forged])[] = [
  ...endorsementForgeries.map((keys) => ["enroll", { keys }] as const),
  ...attestationKeyForgeries.map((keys) => ["enroll", { keys }] as const),
  ...solutionForgeries.map((solution) => ["enroll", { solution }] as const),
  ...platforms.map((forged) => ["authenticate", forged] as const),
  ...platforms.filter((_, i) => i % 5 === 0).map((forged) => ["enroll", forged] as const),
];

test("honest evidence passes", async () => {
  await enrollAs(cluster, admin, device);
  cluster.clock.advance(1000);
  await authenticateAs(cluster, admin, device);
});

test("every forgery has a name of its own, and there are at least 300", () => {
  const names = corpus.map(([ceremony, forged]) => `${ceremony}: ${nameOf(forged)}`);
  assert.equal(new Set(names).size, names.length);
  assert.ok(names.length >= 300, `${names.length}`);
});

test("every reason is tried by a forgery", () => {
  const tried = new Set<string>(
    corpus.map(([, { keys, solution, platform }]) => (keys ?? solution ?? platform)?.reason ?? ""),
  );
  const reasons = Object.keys(evidenceReasons).filter((reason) => !insideLogs.includes(reason));
  assert.deepEqual(
    reasons.filter((reason) => !tried.has(reason)),
    [],
  );
});

for (const ceremony of ["enroll", "authenticate"] as const) {
  test(`every forgery is refused with its reason in the audit log and nowhere else: ${ceremony}`, async () => {
    const words = new Set<string>();
    for (const [each, forged] of corpus) {
      if (each !== ceremony) continue;
      const { read, reason, message } = await refusalOf(ceremony, forged);
      const expected = (forged.keys ?? forged.solution ?? forged.platform)?.reason;
      assert.equal(reason, expected, `${nameOf(forged)}: ${message}`);
      words.add(read);
    }
    assert.equal(words.size, 1, [...words].join("\n"));
  });
}

test("after all of it the device is enrolled as before", async () => {
  cluster.clock.advance(1000);
  await authenticateAs(cluster, admin, device);
});
