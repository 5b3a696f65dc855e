import assert from "node:assert/strict";
import { test } from "node:test";
import { createMemoryConsole } from "../../test/support/cli/memory-console.ts";
import { showDeviceProgress } from "./device-progress.ts";

const busy = "Waiting for the TPM: it is busy";

/** A progress, and what it shows: "" is the end of the line. */
function start(label: string) {
  const shown: string[] = [];
  const console = {
    ...createMemoryConsole(),
    progress(first: string) {
      shown.push(first);
      return { update: (next: string) => shown.push(next), stop: () => shown.push("") };
    },
  };
  return { progress: showDeviceProgress(console, label), shown };
}

test("the wait for the TPM is said while it lasts, and then what goes on now", () => {
  const { progress, shown } = start("Talking");
  progress.onTpmBusy(true);
  progress.update("Enrolling");
  progress.onTpmBusy(false);
  progress.stop();
  assert.deepEqual(shown, ["Talking", busy, busy, "Enrolling", ""]);
});

test("nothing is shown while others have the terminal, until there is something to say again", () => {
  const { progress, shown } = start("Talking");
  progress.stop();
  progress.onTpmBusy(true);
  progress.stop();
  progress.onTpmBusy(false);
  assert.deepEqual(shown, ["Talking", ""]);
  progress.update("Enrolling");
  assert.deepEqual(shown, ["Talking", "", "Enrolling", "Enrolling"]);
});
