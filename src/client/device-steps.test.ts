/** What a person is told to type, for every place on the way to a trusted device. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Fault } from "#base/fault.ts";
import type { DeviceDescription } from "./ceremony/describe.ts";
import type { DeviceStatus } from "./device-status.ts";
import { missingSteps } from "./device-steps.ts";

const nobodysDevice: DeviceDescription = {
  registered: false,
  enrolled: false,
  owner: undefined,
  details: undefined,
  credentialMatches: false,
  lock: undefined,
  clusterMode: "required",
  clusterDemands: true,
  demandingRoles: [],
  unmetRules: [],
  autoEnroll: false,
  mayEnroll: false,
  mayEnrollAlone: false,
};

const summary = {
  ...{ proxy: "localhost:3080", user: "alice", cluster: "example.com", kubernetes: false },
  ...{ roles: [], traits: {}, logins: [], extensions: [], validUntil: "2026-11-22T10:00:00Z" },
};

function status(
  cluster: Partial<DeviceDescription>,
  changes: Partial<DeviceStatus> = {},
): DeviceStatus {
  return {
    osType: "linux",
    assetTag: "LAP1",
    noAssetTag: undefined,
    key: { credentialId: "key", damaged: false, problem: undefined },
    login: { summary, expired: false },
    cluster: { ...nobodysDevice, ...cluster },
    ...changes,
  };
}

const registered = { registered: true };
const enrolled = { ...registered, enrolled: true, owner: "you", credentialMatches: true } as const;
const damaged = new Fault("environment", "the device key file is damaged", { hint: "rm it" });
const noSerial = new Fault("environment", "no serial number", { hint: "set one" });
const tokenOf = "tctl devices enroll --asset-tag=LAP1; then: tsh device enroll --token=TOKEN";

const rows: readonly (readonly [string, DeviceStatus, readonly (readonly [string, RegExp])[]])[] = [
  [
    "not registered, and nothing allowed",
    status({}),
    [
      [
        "enrollment",
        /role device-enroll, and .*tctl devices add --os=linux --asset-tag=LAP1 --enroll/,
      ],
    ],
  ],
  [
    "not registered, with an administrator's rights",
    status({ mayEnroll: true, mayEnrollAlone: true }),
    [["enrollment", /^enroll it with: tsh device enroll --current-device$/]],
  ],
  [
    "not registered, where registered devices enroll by themselves",
    status({ autoEnroll: true, mayEnroll: true }),
    [["enrollment", /tctl devices add --os=linux/]],
  ],
  [
    "registered, with a token",
    status({ ...registered, mayEnroll: true }),
    [["enrollment", new RegExp(`^an administrator makes a token with: ${tokenOf}$`)]],
  ],
  [
    "registered, where devices enroll by themselves",
    status({ ...registered, autoEnroll: true }),
    [["enrollment", /at the login: tsh logout; tsh login$/]],
  ],
  [
    "enrolled with another key",
    status({ ...enrolled, credentialMatches: false, mayEnroll: true }),
    [["enrollment", new RegExp(tokenOf)]],
  ],
  [
    "enrolled by somebody else",
    status({ ...enrolled, credentialMatches: false, owner: "somebody else" }),
    [["enrollment", /tctl edit device\/LAP1, enroll_status: not_enrolled; then: /]],
  ],
  [
    "enrolled and locked",
    status({ ...enrolled, lock: "lock targeting Device is in force" }),
    [["lock", /tctl locks rm ID/]],
  ],
  ["enrolled, and not in the login", status(enrolled), [["carried", /tsh logout; tsh login/]]],
  [
    "enrolled and in the login",
    status(enrolled, { login: { summary: { ...summary, device: "LAP1" }, expired: false } }),
    [],
  ],
  [
    "nobody logged in",
    status({}, { login: undefined, cluster: undefined }),
    [["login", /tsh login --proxy=HOST --user=NAME/]],
  ],
  [
    "an expired login",
    status({}, { login: { summary, expired: true }, cluster: undefined }),
    [["login", /tsh login --proxy=localhost:3080 --user=alice/]],
  ],
  [
    "a key file that is damaged, and a cluster that does not answer",
    status(
      {},
      {
        key: { credentialId: undefined, damaged: true, problem: damaged },
        cluster: new Fault("unavailable", "cannot reach", { hint: "try again" }),
      },
    ),
    [
      ["key", /^rm it$/],
      ["cluster", /^try again$/],
    ],
  ],
  [
    "device trust switched off",
    status({ clusterMode: "off", clusterDemands: false }),
    [["cluster", /tctl edit cap/]],
  ],
  [
    "a posture rule that the device does not meet",
    status({
      ...enrolled,
      unmetRules: [
        {
          role: "prod",
          rule: "device.secure_boot",
          message: "device.secure_boot",
          facts: ["device.secure_boot is false"],
          remedies: ["switch Secure Boot on", "log in"],
        },
      ],
    }),
    [
      ["posture", /^switch Secure Boot on; log in$/],
      ["carried", /tsh login/],
    ],
  ],
  [
    "refused for what it measured at its start",
    status({
      ...enrolled,
      details: {
        owner: "alice",
        credentialId: "key",
        lastAuthenticated: undefined,
        bootRefused: new Date("2026-11-21T09:00:00Z"),
      },
    }),
    [
      ["boot", /^an administrator .*: tctl devices ekcert inspect --asset-tag=LAP1$/],
      ["carried", /tsh login/],
    ],
  ],
  [
    "no serial number: the cluster cannot say anything of the device",
    status({ mayEnrollAlone: true }, { assetTag: "", noAssetTag: noSerial }),
    [["serial", /^set one$/]],
  ],
];

for (const [name, given, expected] of rows) {
  test(name, () => {
    const steps = missingSteps(given);
    assert.deepEqual(
      steps.map(({ about }) => about),
      expected.map(([about]) => about),
    );
    for (const [index, [, hint]] of expected.entries())
      assert.match(steps[index]?.hint ?? "", hint);
  });
}

test("a key that is not here is told from one that is another", () => {
  const other = { ...enrolled, credentialMatches: false };
  const whatOf = (credentialId: string | undefined) =>
    missingSteps(status(other, { key: { credentialId, damaged: false, problem: undefined } }))[0]
      ?.what;
  assert.match(whatOf("key") ?? "", /with another key than this machine holds$/);
  assert.match(whatOf(undefined) ?? "", /its key is not with this account on this machine$/);
});
