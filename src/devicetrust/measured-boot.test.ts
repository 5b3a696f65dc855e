import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import { attestationPolicySchema } from "#resource/attestation-policy.ts";
import {
  authenticateDevice,
  enrollDevice,
  openPolicy,
  recordOf,
} from "../../test/support/device-ceremony.ts";
import { bootEvents } from "../../test/support/event-log.ts";
import { assertRefusedLater } from "../../test/support/refusals.ts";
import { SimulatedAppleDevice, SimulatedTpmDevice } from "../../test/support/simulated-devices.ts";
import type { BootFacts } from "./device-facts.ts";
import { type BootState, judgeBoot, type MeasuredBootRules } from "./measured-boot.ts";

function rules(...given: object[]): MeasuredBootRules {
  const measured_boot = given.map((rule, index) => ({ name: `rule-${index}`, ...rule }));
  return attestationPolicySchema.parse({ kind: "attestation_policy", spec: { measured_boot } }).spec
    .measured_boot;
}

const [zero, one] = ["00".repeat(32), "11".repeat(32)];
const boot: BootFacts = {
  seen: "2026-11-21T12:00:00.000Z",
  eventLog: "explained",
  unexplainedPcrs: [],
  secureBoot: "on",
  firmware: "N32ET91W (1.67)",
  pcrs: { 0: zero, 4: one, 7: one },
};
const state: BootState = { osType: "linux", boot, baseline: boot.pcrs };

function reasonsOf(rule: object, changes: Partial<BootFacts> = {}, more: Partial<BootState> = {}) {
  const judged = { ...state, boot: { ...boot, ...changes }, ...more };
  return judgeBoot(rules(rule), judged).map(({ reason }) => reason);
}

test("a boot that meets every demand fails nothing", () => {
  const rule = {
    event_log: true,
    secure_boot: true,
    unchanged_pcrs: [0, 4, 7],
    allowed_firmware: [{ version: "N32ET91W (1.67)", pcr0: zero }],
  };
  assert.deepEqual(reasonsOf(rule), []);
});

const demands: [string, object, Partial<BootFacts>][] = [
  ["event_log_absent", { event_log: true }, { eventLog: "absent" }],
  ["event_log_unreadable", { event_log: true }, { eventLog: "unreadable" }],
  ["event_log_unexplained", { event_log: true }, { eventLog: "unexplained", unexplainedPcrs: [4] }],
  ["secure_boot_off", { secure_boot: true }, { secureBoot: "off" }],
  ["secure_boot_unclear", { secure_boot: true }, { secureBoot: "unclear", eventLog: "absent" }],
  ["pcr_changed", { unchanged_pcrs: [7] }, { pcrs: { ...boot.pcrs, 7: zero } }],
  ["pcr_changed", { unchanged_pcrs: [4] }, { pcrs: { 0: zero } }],
  ["pcr_changed", { unchanged_pcrs: [9] }, {}],
  ["firmware_not_allowed", { allowed_firmware: [{ version: "N32ET90W" }] }, {}],
  ["firmware_not_allowed", { allowed_firmware: [{ version: "N32ET91W" }] }, {}],
  ["firmware_not_allowed", { allowed_firmware: [{ version: "N32*", pcr0: one }] }, {}],
];
for (const [reason, rule, changes] of demands) {
  test(`${JSON.stringify(rule)} is not met by ${JSON.stringify(changes)}: ${reason}`, () => {
    assert.deepEqual(reasonsOf(rule, changes), [reason]);
    assert.deepEqual(reasonsOf({ ...rule, os: ["windows"] }, changes), []);
  });
}

test("firmware is allowed by any entry, by the start of its version, or by PCR 0 alone", () => {
  assert.deepEqual(reasonsOf({ allowed_firmware: [{ version: "X" }, { version: "N32ET9*" }] }), []);
  assert.deepEqual(reasonsOf({ allowed_firmware: [{ pcr0: zero }] }), []);
});

test("firmware of an unknown version fails, unless PCR 0 is allowed", () => {
  const { firmware: _, ...nameless } = boot;
  const judged = (allowed: object) =>
    judgeBoot(rules({ allowed_firmware: [allowed] }), { ...state, boot: nameless }).map(
      ({ reason }) => reason,
    );
  assert.deepEqual(judged({ version: "*" }), ["firmware_unknown"]);
  assert.deepEqual(judged({ pcr0: zero }), []);
});

test("a device of which nothing is known fails every rule about its system", () => {
  const reasons = judgeBoot(rules({ secure_boot: true }, { unchanged_pcrs: [0] }), {
    ...state,
    boot: undefined,
  }).map(({ reason }) => reason);
  assert.deepEqual(reasons, ["boot_unknown", "boot_unknown"]);
});

test("at an enrollment nothing can have changed, and without a baseline everything may have", () => {
  assert.deepEqual(reasonsOf({ unchanged_pcrs: [7] }, {}, { baseline: undefined }), []);
  assert.deepEqual(reasonsOf({ unchanged_pcrs: [7] }, {}, { baseline: {} }), ["pcr_changed"]);
});

const anyRule = fc.record(
  {
    secure_boot: fc.constant(true),
    event_log: fc.constant(true),
    unchanged_pcrs: fc.array(fc.nat({ max: 23 }), { minLength: 1, maxLength: 4 }),
    allowed_firmware: fc.array(fc.record({ version: fc.constantFrom("N32*", "X", "*") }), {
      minLength: 1,
      maxLength: 3,
    }),
    mode: fc.constantFrom("report", "enforce"),
  },
  { requiredKeys: ["secure_boot", "mode"] },
);
const anyBoot: fc.Arbitrary<BootFacts> = fc.record({
  seen: fc.constant(boot.seen),
  eventLog: fc.constantFrom("absent", "unreadable", "unexplained", "explained"),
  unexplainedPcrs: fc.constant([]),
  secureBoot: fc.constantFrom("on", "off", "unclear"),
  firmware: fc.constantFrom("N32ET91W", "X", "other"),
  pcrs: fc.dictionary(fc.nat({ max: 23 }).map(String), fc.constantFrom(zero, one)),
});

test("one more rule never lets a boot pass that failed before", () => {
  fc.assert(
    fc.property(fc.array(anyRule, { maxLength: 4 }), anyRule, anyBoot, (some, more, facts) => {
      const judged = { ...state, boot: facts };
      const before = judgeBoot(rules(...some), judged);
      const after = judgeBoot(rules(...some, more), judged);
      assert.deepEqual(after.slice(0, before.length), before);
    }),
  );
});

test("a rule that is enforced refuses a simulated device at its enrollment; one that reports does not", async () => {
  const device = new SimulatedTpmDevice("linux");
  device.boot(bootEvents(false));
  const policyOf = (mode: string) => ({
    ...openPolicy,
    measuredBoot: rules({ secure_boot: true, mode }),
  });
  await assertRefusedLater("secure_boot_off", () =>
    enrollDevice(device, { policy: policyOf("enforce") }),
  );
  const { boot: judged } = await enrollDevice(device, { policy: policyOf("report") });
  assert.deepEqual(
    judged?.findings.map(({ rule, reason }) => [rule, reason]),
    [["rule-0", "secure_boot_off"]],
  );
});

test("a rule that is enforced refuses a simulated device at every authentication, and the peer reads nothing of it", async () => {
  const device = new SimulatedTpmDevice("windows", { kind: "rsa" });
  device.boot(bootEvents(true));
  const policy = { ...openPolicy, measuredBoot: rules({ unchanged_pcrs: [7], mode: "enforce" }) };
  const enrollment = await enrollDevice(device, { policy });
  const baseline = enrollment.boot?.facts.pcrs;
  const record = { ...recordOf(enrollment), osType: "windows" as const, baseline };
  assert.ok(await authenticateDevice(device, record, { policy }));
  device.boot(bootEvents(false));
  await assert.rejects(authenticateDevice(device, record, { policy }), (error) => {
    assert.ok(isFault(error, "access-denied"));
    assert.equal(error.message, "device authentication refused");
    assert.equal(error.audit["reason"], "pcr_changed");
    assert.match(String(error.audit["why"]), /"rule-0": PCR 7 changed/);
    return true;
  });
});

test("rules say nothing about simulated devices without a TPM", async () => {
  const policy = { ...openPolicy, measuredBoot: rules({ secure_boot: true, mode: "enforce" }) };
  assert.equal((await enrollDevice(new SimulatedAppleDevice(), { policy })).boot, undefined);
});
