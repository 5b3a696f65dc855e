import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import { compilePostureRule, type PostureFacts } from "./posture.ts";

const alice = { name: "alice", roles: ["dev"], traits: { team: ["core"] } };
const hour = 3_600_000;
const laptop: PostureFacts = {
  os: "macos",
  os_version: "14.10.1",
  os_build: "23C71",
  model: "MacBookPro18,1",
  asset_tag: "C02",
  attestation: "unspecified",
  source: "jamf",
  origin: "jamf",
  owner: "alice",
  data_age: 2 * hour,
  profile_age: 26 * hour,
  profile_agrees: true,
};

const rows: readonly (readonly [string, boolean])[] = [
  ['device.os == "macos"', true],
  ['device.os != "macos"', false],
  ['version_at_least(device.os_version, "14.9")', true],
  ['version_at_least(device.os_version, "14.10.1")', true],
  ['version_at_least(device.os_version, "14.11")', false],
  ['!version_at_least(device.os_version, "15")', true],
  ["device.owner == user.metadata.name", true],
  ['contains(user.spec.traits["team"], "core") && device.profile_agrees', true],
  ['device.source == ""', false],
  ['contains(set("jamf", "intune"), device.origin)', true],
  ['at_most(device.data_age, "2h")', true],
  ['at_most(device.data_age, "119m")', false],
  ['at_most(device.profile_age, "7d")', true],
  ['at_most(device.profile_age, "1d")', false],
];
for (const [source, met] of rows) {
  test(`${source} is ${met ? "met" : "not met"}`, () => {
    assert.equal(compilePostureRule(source).decide(alice, laptop).met, met);
  });
}

const missing: readonly (readonly [string, boolean])[] = [
  ["device.secure_boot", false],
  ["!device.secure_boot", false],
  ["device.secure_boot == false", false],
  ["device.secure_boot || !device.secure_boot", false],
  ['device.secure_boot || device.os == "macos"', true],
  ['device.os == "macos" || device.secure_boot', true],
  ['!(device.secure_boot && device.os == "linux")', true],
  ['device.os_id == ""', false],
  ["exists(device.os_id)", false],
  ["!exists(device.os_id)", false],
  ['!contains(set("debian"), device.os_id)', false],
  ['user.metadata.name == "alice" || device.secure_boot', true],
];
for (const [source, met] of missing) {
  test(`a fact that is not known: ${source} is ${met ? "met" : "not met"}`, () => {
    assert.equal(compilePostureRule(source).decide(alice, laptop).met, met);
  });
}

test("a version that is no version number meets no comparison, and spoils no other", () => {
  const rolling = { ...laptop, os: "linux", os_version: "rolling" };
  for (const [source, met] of [
    ['version_at_least(device.os_version, "0")', false],
    ['!version_at_least(device.os_version, "0")', false],
    ['device.os == "linux" || version_at_least(device.os_version, "14")', true],
  ] as const) {
    assert.equal(compilePostureRule(source).decide(alice, rolling).met, met, source);
  }
});

test("without a device nothing about devices is met", () => {
  for (const [source] of [...rows, ...missing]) {
    if (source.includes("||") || !source.includes("device.")) continue;
    assert.equal(compilePostureRule(source).decide(alice, {}).met, false, source);
  }
});

test("the part that is not met says which facts it looked at", () => {
  const rule = compilePostureRule(
    'device.owner == user.metadata.name && (device.secure_boot || version_at_least(device.os_version, "15"))',
  );
  assert.deepEqual(rule.decide(alice, laptop), {
    met: false,
    facts: [
      { fact: "secure_boot", value: undefined },
      { fact: "os_version", value: "14.10.1" },
    ],
  });
});

const refused: readonly (readonly [string, RegExp])[] = [
  ['device.oss == "linux"', /unknown identifier "device.oss" at column 1/],
  ["device", /unknown identifier "device"/],
  ['labels["env"] == "prod"', /unknown identifier "labels"/],
  ["device.os", /the expression is a string/],
  ["device.secure_boot == 1", /boolean cannot be compared with one of type number/],
  ['device.secure_boot == "true"', /boolean cannot be compared with one of type string/],
  ["device.data_age == 5", /type age cannot be compared/],
  ['at_most(device.os_version, "1h")', /expected an age/],
  ['at_most(device.data_age, "soon")', /"soon" is not a duration at column 26/],
  ['at_most(device.data_age, "1x")', /is not a duration/],
  ['version_at_least(device.os_version, "14.x")', /"14.x" is not a version number at column 37/],
  ["version_at_least(device.data_age, `14`)", /expected a string/],
  ['device.os == "darwin"', /device.os is never "darwin" at column 14/],
  ['"linus" == device.os', /device.os is never "linus"/],
  ['contains(set("ekpub"), device.attestation)', /device.attestation is never "ekpub"/],
  ["__proto__", /unknown identifier/],
  ["device.constructor == `x`", /unknown identifier/],
  ["", /expected a name/],
];
for (const [source, message] of refused) {
  test(`refuses ${source || "an empty rule"}`, () => {
    assert.throws(
      () => compilePostureRule(source),
      (error) => isFault(error, "invalid") && message.test(error.message),
    );
  });
}

test("the nearest word is suggested", () => {
  const hintOf = (source: string) => {
    try {
      compilePostureRule(source);
      return "";
    } catch (error) {
      return isFault(error) ? error.hint : "";
    }
  };
  assert.equal(hintOf("device.secureboot"), 'did you mean "device.secure_boot"?');
  assert.equal(hintOf('device.os == "window"'), 'did you mean "windows"?');
  assert.equal(
    hintOf("version_atleast(device.os_version, `1`)"),
    'did you mean "version_at_least"?',
  );
});

const atoms = [
  "device.secure_boot",
  "device.profile_agrees",
  'device.os == "macos"',
  'version_at_least(device.os_version, "14")',
  'at_most(device.data_age, "1h")',
  'device.owner == "alice"',
];
const anyRule = fc.letrec<{ rule: string }>((tie) => ({
  rule: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom(...atoms),
    tie("rule").map((rule) => `!(${rule})`),
    fc.tuple(tie("rule"), tie("rule")).map(([a, b]) => `(${a} && ${b})`),
    fc.tuple(tie("rule"), tie("rule")).map(([a, b]) => `(${a} || ${b})`),
  ),
})).rule;
const anyFacts = fc.record(
  {
    secure_boot: fc.boolean(),
    profile_agrees: fc.boolean(),
    os: fc.constantFrom("macos", "linux"),
    os_version: fc.constantFrom("13", "14.1", "rolling"),
    data_age: fc.constantFrom(0, hour, hour + 1),
    owner: fc.constantFrom("alice", ""),
  },
  { requiredKeys: [], noNullPrototype: true },
);

test("what is met with facts missing is met with any values of them", () => {
  let met = 0;
  fc.assert(
    fc.property(anyRule, anyFacts, anyFacts, (source, known, rest) => {
      const rule = compilePostureRule(source);
      if (!rule.decide(alice, known).met) return;
      met++;
      assert.ok(rule.decide(alice, { ...rest, ...known }).met, source);
    }),
    { numRuns: 5000 },
  );
  assert.ok(met > 500, `only ${met} rules were met`);
});
