/**
 * The victim of the crash test: writes to the store in the folder of its argument as fast as it can
 * and reports what was acknowledged, one line each, on stdout. It runs until it is killed.
 *
 * Line "s R N": slot N was put with the value of round R. Line "p N": the pair N was written
 * atomically.
 */
import { writeSync } from "node:fs";
import { openSqliteBackend } from "#backend/sqlite.ts";
import { utf8 } from "#base/bytes.ts";
import { systemClock } from "#base/clock.ts";

const [folder = "", start = "0"] = process.argv.slice(2);
const backend = openSqliteBackend({ folder, clock: systemClock });

async function putSlots(slot: number): Promise<void> {
  for (let round = Number(start); ; round++) {
    await backend.put(`/slot/${slot}`, utf8(`${round}:${"x".repeat(round % 3000)}`));
    writeSync(1, `s ${round} ${slot}\n`);
  }
}

async function writePairs(): Promise<void> {
  for (let n = Number(start); ; n++) {
    const value = utf8(`${n}:${"y".repeat(n % 5000)}`);
    await backend.atomic([
      { type: "put", key: "/pair/left", value },
      { type: "put", key: "/pair/right", value },
      { type: "put", key: `/history/${n % 50}`, value },
    ]);
    writeSync(1, `p ${n}\n`);
  }
}

writeSync(1, "ready\n");
await Promise.all([writePairs(), ...Array.from({ length: 8 }, (_, slot) => putSlots(slot))]);
