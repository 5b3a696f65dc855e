import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8 } from "#base/bytes.ts";
import { encodeEventLog, type TestEvent } from "../../test/support/event-log.ts";
import { parseEventLog } from "./event-log.ts";
import { readFirmwareVersion } from "./firmware-version.ts";

const utf16 = (text: string) => new Uint8Array(Buffer.from(`${text}\0`, "utf16le"));
const crtm = (data: Uint8Array): TestEvent => ({ pcr: 0, type: 8, data });

function read(...events: TestEvent[]): string | undefined {
  return readFirmwareVersion(parseEventLog(encodeEventLog(events)));
}

test("reads the version as firmware writes it: UTF-16, ASCII, or a GUID", () => {
  assert.equal(read(crtm(utf16("N32ET91W (1.67)"))), "N32ET91W (1.67)");
  assert.equal(read(crtm(utf8("edk2-stable202505\0"))), "edk2-stable202505");
  const guid = Uint8Array.from({ length: 16 }, (_, i) => 0x80 + i);
  assert.equal(read(crtm(guid)), "0x808182838485868788898a8b8c8d8e8f");
});

test("knows no version that was not measured as it stands in the log", () => {
  assert.equal(read({ ...crtm(utf16("1.67")), measured: utf16("1.66") }), undefined);
});

test("knows no version where the log names two, none, an empty one, or one in another PCR", () => {
  assert.equal(read(crtm(utf16("1")), crtm(utf16("2"))), undefined);
  assert.equal(read({ pcr: 0, type: 1, data: utf16("1") }), undefined);
  assert.equal(read({ pcr: 1, type: 8, data: utf16("1") }), undefined);
  assert.equal(read(crtm(new Uint8Array(0))), undefined);
  assert.equal(read(crtm(utf16("  "))), undefined);
});

test("knows no version that is longer than any firmware writes", () => {
  assert.equal(read(crtm(utf16("x".repeat(300)))), undefined);
});
