/** Processes of this machine, for tests that start and end some. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

/** Waits until a process has ended, reaped or not; the test's own time limit ends the wait. */
export async function gone(pid: number): Promise<void> {
  assert.ok(pid > 1, "no process id");
  while (isAlive(pid)) await new Promise((resolve) => setImmediate(resolve));
}

function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return !/\) [ZX] /.test(stat);
  } catch {
    return false;
  }
}
