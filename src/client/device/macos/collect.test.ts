/** The collectors of a Mac on what its programs print, as Apple's manual pages and published transcripts show it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { formatCollectedData } from "../format-collected.ts";
import {
  collectMac,
  parseJamfVersion,
  parsePlatformExpert,
  parseProductVersion,
  runProgram,
} from "./collect.ts";

const expert = `+-o Root  <class IORegistryEntry, id 0x100000100, retain 30>
  +-o J314sAP  <class IOPlatformExpertDevice, id 0x100000227, registered, matched, active>
      {
        "manufacturer" = <"Apple Inc.">
        "IOPlatformUUID" = "01234567-89AB-CDEF-0123-456789ABCDEF"
        "model" = <"MacBookPro18,3">
        "IOPlatformSerialNumber" = "C02XX0AAXXXX"
        "model-number" = <4d4b313833000000>
      }
`;

const printed: Readonly<Record<string, string>> = {
  "/usr/sbin/ioreg -rd1 -c IOPlatformExpertDevice": expert,
  "/usr/bin/sw_vers -productVersion": "14.1\n",
  "/usr/bin/sw_vers -buildVersion": "23B74\n",
  "/usr/local/bin/jamf version": "version=10.50.0-t1694533194\n",
  "/usr/bin/profiles status -type enrollment": "Enrolled via DEP: Yes\nMDM enrollment: Yes\n",
};

const now = new Date("2026-11-21T05:51:17Z");

test("says what the official clients say of a Mac", async () => {
  const asked: string[] = [];
  const data = await collectMac({
    now,
    username: "alice",
    run: async (file, words) => {
      asked.push([file, ...words].join(" "));
      return printed[asked.at(-1) ?? ""];
    },
  });
  assert.deepEqual(asked, Object.keys(printed));
  assert.equal(
    formatCollectedData(data),
    `DeviceCollectedData {
  "collect_time": "2026-11-21T05:51:17Z",
  "os_type": "OS_TYPE_MACOS",
  "serial_number": "C02XX0AAXXXX",
  "model_identifier": "MacBookPro18,3",
  "os_version": "14.1.0",
  "os_build": "23B74",
  "os_username": "alice",
  "jamf_binary_version": "10.50.0-t1694533194",
  "macos_enrollment_profiles": "Enrolled via DEP: Yes\\nMDM enrollment: Yes",
  "system_serial_number": "C02XX0AAXXXX",
  "os_login_user": "alice"
}`,
  );
});

test("programs that are not there leave their facts empty", async () => {
  const data = await collectMac({ now, username: "a".repeat(200), run: async () => undefined });
  const { collectTime, osType, osUsername, osLoginUser, ...rest } = data;
  assert.deepEqual([collectTime, osType, osUsername.length], [now, "macos", 40]);
  assert.equal(osLoginUser.length, 100);
  assert.deepEqual(new Set(Object.values(rest)), new Set([""]));
});

test("takes nothing from lines that only look like the right ones", () => {
  for (const text of [
    '"IOPlatformSerialNumber" = "C02 XX"',
    '"XIOPlatformSerialNumber" = "C02"',
    'x "IOPlatformSerialNumber" = "C02"',
    '"IOPlatformSerialNumber" = "C02" more',
    `"IOPlatformSerialNumber" = "${"A".repeat(65)}"`,
    '"model" = <4d61>',
    '"model" = "MacBook"',
  ]) {
    assert.deepEqual(parsePlatformExpert(text), { serialNumber: "", model: "" }, text);
  }
});

test("a version has three numbers, or is none", () => {
  for (const [text, version] of [
    ["15", "15.0.0"],
    ["14.1\n", "14.1.0"],
    ["13.6.9", "13.6.9"],
    ["14.1.2.3", ""],
    ["14.x", ""],
    ["", ""],
    ["12345.1", ""],
  ] as const) {
    assert.equal(parseProductVersion(text), version, text);
  }
  for (const text of ["", "10.50", "version=", "version=1 2", "version=1\nversion=2"]) {
    assert.equal(parseJamfVersion(text), "", text);
  }
});

test("a program that is missing, fails or prints without end gives nothing", async () => {
  assert.equal(await runProgram("/no/such/program", []), undefined);
  assert.equal(await runProgram("/bin/sh", ["-c", "echo part; exit 3"]), undefined);
  assert.equal(await runProgram("/bin/sh", ["-c", "yes"]), undefined);
  assert.equal(await runProgram("/bin/sh", ["-c", "echo whole"]), "whole\n");
});
