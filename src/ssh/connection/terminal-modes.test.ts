import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { decodeTerminalModes, encodeTerminalModes } from "#ssh/connection/terminal-modes.ts";

test("modes come back from their encoding", () => {
  const modes = new Map([
    [53, 1],
    [128, 38_400],
  ]);
  assert.deepEqual(decodeTerminalModes(encodeTerminalModes(modes)), modes);
});

test("reads no modes, with and without an end", () => {
  assert.equal(decodeTerminalModes(new Uint8Array(0)).size, 0);
  assert.equal(decodeTerminalModes(Uint8Array.of(0)).size, 0);
});

test("stops at an opcode whose argument has no known length", () => {
  assert.equal(decodeTerminalModes(Uint8Array.of(160, 1, 2)).size, 0);
});

test("refuses an argument that is cut short", () => {
  assert.throws(
    () => decodeTerminalModes(Uint8Array.of(53, 0, 0, 0)),
    (error) => isFault(error, "malformed"),
  );
});
