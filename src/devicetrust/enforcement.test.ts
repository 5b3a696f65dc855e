import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  decideDeviceTrust,
  deviceTrustModes,
  effectiveClusterMode,
  isDeviceTrustEnabled,
} from "./enforcement.ts";

const device = { deviceId: "id", assetTag: "tag", credentialId: "credential" };
const human = {};
const trusted = { device };
const bot = { botName: "ci" };

const untrusted = "untrusted-device";
const table = [
  ["", human, undefined],
  ["off", human, undefined],
  ["optional", human, undefined],
  ["required", trusted, undefined],
  ["required", human, untrusted],
  ["required", bot, untrusted],
  ["required", { ...bot, device }, undefined],
  ["required-for-humans", trusted, undefined],
  ["required-for-humans", human, untrusted],
  ["required-for-humans", bot, undefined],
  ["required-for-humans", { botName: "" }, untrusted],
  ["Required", trusted, "unknown-mode"],
  ["required ", trusted, "unknown-mode"],
  ["constructor", trusted, "unknown-mode"],
] as const;

for (const [mode, subject, reason] of table) {
  test(`decides "${mode}" for ${JSON.stringify(subject)}: ${reason ?? "allowed"}`, () => {
    const decision = decideDeviceTrust(mode, subject);
    assert.equal(decision.allowed ? undefined : decision.reason, reason);
  });
}

test("trusts a certificate only with all three fields", () => {
  for (const field of ["deviceId", "assetTag", "credentialId"] as const) {
    const decision = decideDeviceTrust("required", { device: { ...device, [field]: "" } });
    assert.equal(decision.allowed, false);
  }
});

test("denies every text that is not a mode, also to trusted devices", () => {
  const modes: readonly string[] = deviceTrustModes;
  fc.assert(
    fc.property(fc.string(), (mode) => {
      fc.pre(mode !== "" && !modes.includes(mode));
      return !decideDeviceTrust(mode, trusted).allowed;
    }),
  );
});

test("never denies a trusted device what it allows an untrusted one", () => {
  for (const mode of deviceTrustModes) {
    if (decideDeviceTrust(mode, human).allowed) assert.ok(decideDeviceTrust(mode, trusted).allowed);
  }
});

test("lets devices authenticate in a cluster without a mode, and not where it is off", () => {
  assert.equal(effectiveClusterMode(undefined), "optional");
  assert.equal(effectiveClusterMode(""), "optional");
  assert.equal(isDeviceTrustEnabled(""), true);
  assert.equal(isDeviceTrustEnabled("off"), false);
  assert.equal(isDeviceTrustEnabled("required"), true);
});
