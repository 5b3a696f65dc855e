import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { deviceKeyFile, stateFolder } from "../device-state.ts";
import { devicePlatform } from "./platform.ts";
import { selectTpm } from "./tpm-selection.ts";

test("every system has its part, and another says which there are", async () => {
  const found = await Promise.all(
    (["linux", "win32", "darwin"] as const).map(async (system) => {
      const platform = await devicePlatform(system);
      const device = platform.openAuthenticator({ LOCALAPPDATA: "/nowhere" });
      await device.close();
      return [platform.osType, device.osType, device.kind];
    }),
  );
  assert.deepEqual(found, [
    ["linux", "linux", "tpm"],
    ["windows", "windows", "tpm"],
    ["macos", "macos", "secure-enclave"],
  ]);
  await assert.rejects(
    devicePlatform("freebsd"),
    (error) => isFault(error, "environment") && /Linux, Windows or macOS/.test(error.hint ?? ""),
  );
});

test("the key lies where each system keeps what does not roam", () => {
  const linux = { XDG_STATE_HOME: "/state" };
  assert.equal(deviceKeyFile(linux, "linux"), "/state/gatehouse/attestation-key.json");
  assert.equal(deviceKeyFile(linux, "darwin"), "/state/gatehouse/enclave-key.json");
  assert.match(stateFolder({}, "linux"), /\/\.local\/state\/gatehouse$/);
  assert.equal(stateFolder({ LOCALAPPDATA: "/local", ...linux }, "win32"), "/local/gatehouse");
  assert.match(stateFolder({}, "win32"), /AppData.Local.gatehouse$/);
});

test("without a word in the environment the TPM is that of the machine", () => {
  assert.deepEqual(selectTpm({}, "linux"), { kind: "device", path: "/dev/tpmrm0" });
  assert.deepEqual(selectTpm({}, "windows"), { kind: "tbs" });
  const named = { GATEHOUSE_TPM: "swtpm:tcp:localhost:2321" };
  assert.deepEqual(selectTpm(named, "windows"), { kind: "tcp", host: "localhost", port: 2321 });
});

test("where koffi is missing, Windows' part says what to install, and tells no serial number instead of failing", async () => {
  const windows = await devicePlatform("win32");
  const collected = await windows.collect({ env: {}, now: new Date(0), escalation: undefined });
  assert.deepEqual([collected.osType, collected.serialNumber], ["windows", ""]);
  const why = await windows.explainNoSerialNumber({});
  assert.match(why.message, /kernel32\.dll of Windows cannot be called/);
  assert.match(why.hint ?? "", /koffi-win32-x64/);
});
