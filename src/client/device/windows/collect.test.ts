import assert from "node:assert/strict";
import { test } from "node:test";
import { formatCollectedData } from "../format-collected.ts";
import { describeWindows } from "./collect.ts";

const facts = {
  now: new Date("2026-11-21T05:51:17Z"),
  username: "alice",
  domain: "CORP",
  release: "10.0.22631",
  firmware: {
    productName: "Latitude 7440",
    productSerial: "5CG1234XYZ",
    boardSerial: "/5CG1234XYZ/CNX/",
    chassisAssetTag: "No Asset Tag",
  },
};

test("says what the official clients say of a Windows machine", () => {
  assert.equal(
    formatCollectedData(describeWindows(facts)),
    `DeviceCollectedData {
  "collect_time": "2026-11-21T05:51:17Z",
  "os_type": "OS_TYPE_WINDOWS",
  "serial_number": "5CG1234XYZ",
  "model_identifier": "Latitude 7440",
  "os_version": "10.0.22631",
  "os_build": "22631",
  "os_username": "CORP\\\\alice",
  "reported_asset_tag": "No Asset Tag",
  "system_serial_number": "5CG1234XYZ",
  "base_board_serial_number": "/5CG1234XYZ/CNX/",
  "os_login_user": "CORP\\\\alice"
}`,
  );
});

test("an asset tag that is one comes first; an account may have no domain; a strange version has no build", () => {
  const firmware = { ...facts.firmware, chassisAssetTag: "IT-0042" };
  const data = describeWindows({ ...facts, firmware, domain: "", release: "10.0" });
  assert.deepEqual(
    [data.serialNumber, data.osUsername, data.osVersion, data.osBuild],
    ["IT-0042", "alice", "10.0", ""],
  );
});

test("names are cut to what a server takes", () => {
  const data = describeWindows({ ...facts, username: "a".repeat(300) });
  assert.deepEqual([data.osUsername.length, data.osLoginUser.length], [40, 100]);
});
