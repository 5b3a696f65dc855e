import assert from "node:assert/strict";
import { test } from "node:test";
import { collectedData } from "../../test/support/device-ceremony.ts";
import { type DeviceProfile, decideAutoEnrollment } from "./auto-enrollment.ts";
import type { CollectedData } from "./messages.ts";

const empty: DeviceProfile = {
  modelIdentifier: "",
  osVersion: "",
  osBuild: "",
  osBuildSupplemental: "",
  osUsernames: [],
  jamfBinaryVersion: "",
  osId: "",
};
const full: DeviceProfile = {
  modelIdentifier: "21J50013US",
  osVersion: "12",
  osBuild: "older build",
  osBuildSupplemental: "12 (bookworm)",
  osUsernames: ["bob", "alice"],
  jamfBinaryVersion: "10.1",
  osId: "debian",
};
const registered = { osType: "linux", assetTag: "PF47WND6", enrolled: false } as const;

function decide(profile: Partial<DeviceProfile>, data: Partial<CollectedData> = {}) {
  const device = { ...registered, profile: { ...empty, ...profile } };
  return decideAutoEnrollment({ enabled: true, device, data: collectedData(data) });
}

test("allows a registered device without a profile, with an empty one, and with a matching one", () => {
  const data = collectedData();
  assert.ok(decideAutoEnrollment({ enabled: true, device: registered, data }).allowed);
  assert.ok(decide({}).allowed);
  assert.ok(decide(full, { jamfBinaryVersion: "10.1" }).allowed);
});

const mismatches: [string, Partial<DeviceProfile>, Partial<CollectedData>][] = [
  ["model_identifier", { modelIdentifier: "other" }, {}],
  ["os_version", { osVersion: "13" }, {}],
  ["os_build", { osBuild: "x", osBuildSupplemental: "y" }, {}],
  ["os_usernames", { osUsernames: ["bob"] }, {}],
  ["os_usernames", { osUsernames: ["alice"] }, { osLoginUser: "bob" }],
  ["jamf_binary_version", { jamfBinaryVersion: "10" }, { jamfBinaryVersion: "11" }],
  ["os_id", { osId: "ubuntu" }, {}],
];
for (const [field, profile, data] of mismatches) {
  test(`names ${field} when ${JSON.stringify({ ...profile, ...data })} does not match`, () => {
    const decision = decide(profile, data);
    assert.equal(decision.allowed ? "" : decision.field, field);
    assert.match(decision.allowed ? "" : decision.message, /device profile says/);
  });
}

test("compares the legacy user name when the client sends no login name", () => {
  assert.ok(decide({ osUsernames: ["alice"] }, { osLoginUser: "" }).allowed);
});

test("does not compare the Jamf version of a client that has none, nor the OS id off Linux", () => {
  assert.ok(decide({ jamfBinaryVersion: "10" }).allowed);
  const device = { ...registered, osType: "macos", profile: { ...empty, osId: "debian" } } as const;
  const data = collectedData({ osType: "macos" });
  assert.ok(decideAutoEnrollment({ enabled: true, device, data }).allowed);
});

test("refuses when it is off, when nothing is registered, and when the device is enrolled", () => {
  const data = collectedData();
  const fieldOf = (subject: Parameters<typeof decideAutoEnrollment>[0]) => {
    const decision = decideAutoEnrollment(subject);
    return decision.allowed ? "" : decision.field;
  };
  assert.equal(fieldOf({ enabled: false, device: registered, data }), "auto_enroll");
  assert.equal(fieldOf({ enabled: true, device: undefined, data }), "device");
  const other = { ...registered, assetTag: "other" };
  assert.equal(fieldOf({ enabled: true, device: other, data }), "device");
  const enrolled = { ...registered, enrolled: true };
  assert.equal(fieldOf({ enabled: true, device: enrolled, data }), "enroll_status");
});
