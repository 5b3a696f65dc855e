import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { collectedData, testNow } from "../../test/support/device-ceremony.ts";
import { checkCollectedData } from "./collected-data.ts";
import { findDrift } from "./drift.ts";
import type { CollectedData } from "./messages.ts";

const day = 24 * 3_600_000;
const at = (ms: number) => new Date(testNow.getTime() + ms);
const check = (change: Partial<CollectedData>) =>
  checkCollectedData(collectedData(change), testNow);

test("accepts data at its limits", () => {
  assert.ok(check({ osUsername: "x".repeat(40), osLoginUser: "x".repeat(100) }));
  assert.ok(check({ macosEnrollmentProfiles: "line\n".repeat(800), collectTime: at(-day) }));
});

const refused: [string, Partial<CollectedData>][] = [
  ["OS type", { osType: undefined }],
  ["serial number", { serialNumber: "" }],
  ["collection time", { collectTime: undefined }],
  ["collection time", { collectTime: new Date(Number.NaN) }],
  ["collection time", { collectTime: at(day + 1) }],
  ["collection time", { collectTime: at(-day - 1) }],
  ["osUsername", { osUsername: "x".repeat(41) }],
  ["osBuild", { osBuild: "x".repeat(101) }],
  ["osId", { osId: "debian\u001b[2J" }],
  ["modelIdentifier", { modelIdentifier: "line\nbreak" }],
  ["macosEnrollmentProfiles", { macosEnrollmentProfiles: "x".repeat(4097) }],
  [
    "platform attestation",
    {
      tpmPlatformAttestation: {
        nonce: new Uint8Array(32),
        platformParameters: { quotes: [], pcrs: [], eventLog: new Uint8Array(0) },
      },
    },
  ],
];
for (const [field, change] of refused) {
  test(`refuses data with a wrong ${field}: ${JSON.stringify(change).slice(0, 50)}`, () => {
    assert.throws(
      () => check(change),
      (error) => isFault(error, "invalid") && error.message.includes(field),
    );
  });
}

test("finds hardware that changed, and refuses it", () => {
  for (const [field, value] of [
    ["osType", "windows"],
    ["serialNumber", "other"],
    ["modelIdentifier", "other"],
  ] as const) {
    const [drift] = findDrift(collectedData(), collectedData({ [field]: value }));
    assert.deepEqual([drift?.field, drift?.refuses], [field, true]);
  }
});

test("does not compare a value that either side lacks", () => {
  assert.deepEqual(findDrift(collectedData({ modelIdentifier: "" }), collectedData()), []);
  assert.deepEqual(findDrift(collectedData(), collectedData({ modelIdentifier: "" })), []);
});

test("reports an OS version only when it went back, comparing numbers and not text", () => {
  const older = (before: string, after: string) =>
    findDrift(collectedData({ osVersion: before }), collectedData({ osVersion: after })).length ===
    1;
  assert.ok(older("10.0.22631", "10.0.22621"));
  assert.ok(older("14.10", "14.9"));
  assert.ok(!older("14.9", "14.10"));
  assert.ok(!older("14.0", "14"));
  assert.ok(!older("rolling", "12"));
});
