import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { readDmi, selectSerialNumber } from "../dmi.ts";
import { formatCollectedData, formatCredential } from "../format-collected.ts";
import { collectDeviceData, parseOsRelease } from "./collect.ts";

const now = new Date("2026-11-21T05:51:17.179Z");
const debian = `PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
VERSION="12 (bookworm)"
ID=debian
`;

let dir: string;
let dmiDir: string;
let osRelease: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), "gatehouse-collect-"));
  dmiDir = join(dir, "dmi");
  osRelease = join(dir, "os-release");
  await mkdir(dmiDir);
  await writeFile(osRelease, debian);
  const files = {
    product_name: "21J50013US\n",
    product_serial: "PF47WND6\n",
    board_serial: "L1HF2CM03ZT\n",
    chassis_asset_tag: "No Asset Information\n",
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(dmiDir, name), text);
});
after(() => rm(dir, { recursive: true, force: true }));

const collect = (changes = {}) =>
  collectDeviceData({ now, username: "alice", dmiDir, osReleaseFiles: [osRelease], ...changes });

test("collects what the firmware and the system say, and prints it as the guide shows", async () => {
  assert.equal(
    formatCollectedData(await collect()),
    `DeviceCollectedData {
  "collect_time": "2026-11-21T05:51:17.179Z",
  "os_type": "OS_TYPE_LINUX",
  "serial_number": "PF47WND6",
  "model_identifier": "21J50013US",
  "os_version": "12",
  "os_build": "12 (bookworm)",
  "os_username": "alice",
  "reported_asset_tag": "No Asset Information",
  "system_serial_number": "PF47WND6",
  "base_board_serial_number": "L1HF2CM03ZT",
  "os_id": "debian",
  "os_login_user": "alice"
}`,
  );
});

test("leaves out of the print what a machine without DMI and os-release does not say", async () => {
  const data = await collect({ dmiDir: join(dir, "none"), osReleaseFiles: [join(dir, "none")] });
  assert.equal(
    formatCollectedData({ ...data, collectTime: new Date("2026-11-21T00:00:00Z") }),
    `DeviceCollectedData {
  "collect_time": "2026-11-21T00:00:00Z",
  "os_type": "OS_TYPE_LINUX",
  "os_username": "alice",
  "os_login_user": "alice"
}`,
  );
});

test("prints a credential with its public key", () => {
  const credential = { id: "abc", publicKeyDer: new Uint8Array(0), tpmAkPublic: Uint8Array.of(1) };
  assert.equal(
    formatCredential(credential),
    'DeviceCredential {\n  "id": "abc",\n  "tpm_ak_public": "AQ=="\n}',
  );
});

test("cuts a user name to what servers accept", async () => {
  const data = await collect({ username: "x".repeat(120) });
  assert.deepEqual([data.osUsername.length, data.osLoginUser.length], [40, 100]);
});

test("takes the first of asset tag, system and base board that is neither empty nor a phrase", () => {
  const select = (chassisAssetTag: string, productSerial: string, boardSerial: string) =>
    selectSerialNumber({ chassisAssetTag, productSerial, boardSerial });
  assert.equal(select("TAG1", "SYS1", "BOARD1"), "TAG1");
  assert.equal(select("", "SYS1", "BOARD1"), "SYS1");
  assert.equal(select("To be filled by O.E.M.", "Default string", "BOARD1"), "BOARD1");
  assert.equal(select("", "Not Specified", ""), "");
});

test("asks for the protected values only when permission was denied, and does without if it must", async () => {
  const values = { productName: "M", productSerial: "S1", boardSerial: "B1", chassisAssetTag: "" };
  let asked = 0;
  const readProtectedDmi = async () => {
    asked += 1;
    return values;
  };
  assert.equal((await collect({ readProtectedDmi })).serialNumber, "PF47WND6");
  assert.equal(asked, 0);
  const deny = async () => ({
    values: { ...values, productSerial: "", boardSerial: "" },
    denied: true,
  });
  const denied = { readUnprotectedDmi: deny };
  assert.equal((await collect({ ...denied, readProtectedDmi })).serialNumber, "S1");
  assert.equal(
    (await collect({ ...denied, readProtectedDmi: async () => undefined })).serialNumber,
    "",
  );
  assert.equal((await collect(denied)).serialNumber, "");
});

test("does not call a missing file a denied one", async () => {
  assert.equal((await readDmi(join(dir, "none"))).denied, false);
});

test("parses os-release with either quote, escapes, comments and rubbish", () => {
  const values = parseOsRelease(
    `# comment\nID='arch'\nVERSION="a \\"b\\" \\$c"\nEMPTY=\nnonsense\n=x\n`,
  );
  assert.deepEqual(
    [...values],
    [
      ["ID", "arch"],
      ["VERSION", 'a "b" $c'],
      ["EMPTY", ""],
    ],
  );
});
