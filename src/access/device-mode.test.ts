import assert from "node:assert/strict";
import { test } from "node:test";
import { testDevice } from "../../test/support/identity.ts";
import {
  checkDeviceMode,
  type DeviceVerdict,
  demandsDevice,
  effectiveClusterMode,
  hasTrustedDevice,
} from "./device-mode.ts";

/** The truth table of device trust, section 3.1 and 3.2: human, bot, with device. */
const table: readonly (readonly [
  string | undefined,
  DeviceVerdict,
  DeviceVerdict,
  DeviceVerdict,
])[] = [
  [undefined, "satisfied", "satisfied", "satisfied"],
  ["", "satisfied", "satisfied", "satisfied"],
  ["off", "satisfied", "satisfied", "satisfied"],
  ["optional", "satisfied", "satisfied", "satisfied"],
  ["required", "device-required", "device-required", "satisfied"],
  ["required-for-humans", "device-required", "satisfied", "satisfied"],
  ["Required", "unknown-mode", "unknown-mode", "unknown-mode"],
  ["constructor", "unknown-mode", "unknown-mode", "unknown-mode"],
];

for (const [mode, human, bot, trusted] of table) {
  test(`mode ${mode}: human ${human}, bot ${bot}, device ${trusted}`, () => {
    assert.equal(checkDeviceMode(mode, {}), human);
    assert.equal(checkDeviceMode(mode, { botName: "ci" }), bot);
    assert.equal(checkDeviceMode(mode, { device: testDevice }), trusted);
  });
}

test("a device is trusted with all three fields only", () => {
  assert.equal(hasTrustedDevice({ device: testDevice }), true);
  assert.equal(hasTrustedDevice({}), false);
  for (const field of ["deviceId", "assetTag", "credentialId"] as const) {
    assert.equal(hasTrustedDevice({ device: { ...testDevice, [field]: "" } }), false, field);
  }
});

test("a person is warned when any mode demands a device, a bot only by the strict mode", () => {
  assert.equal(demandsDevice(["optional", undefined], {}), false);
  assert.equal(demandsDevice(["optional", "required-for-humans"], {}), true);
  assert.equal(demandsDevice(["required-for-humans"], { botName: "ci" }), false);
  assert.equal(demandsDevice(["required"], { botName: "ci" }), true);
});

test("a cluster that says nothing has the mode optional", () => {
  assert.deepEqual(["", undefined, "off", "odd"].map(effectiveClusterMode), [
    "optional",
    "optional",
    "off",
    "odd",
  ]);
});
