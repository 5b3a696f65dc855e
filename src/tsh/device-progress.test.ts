import assert from "node:assert/strict";
import { test } from "node:test";
import { createMemoryConsole } from "../../test/support/cli/memory-console.ts";
import { showDeviceProgress } from "./device-progress.ts";

test("the wait for the TPM is said while it lasts, and then what goes on now", () => {
  const shown: string[] = [];
  const console = {
    ...createMemoryConsole(),
    progress(label: string) {
      shown.push(label);
      return { update: (next: string) => shown.push(next), stop: () => shown.push("") };
    },
  };
  const progress = showDeviceProgress(console, "Talking");
  progress.onTpmBusy(true);
  progress.update("Enrolling");
  progress.onTpmBusy(false);
  progress.stop();
  const busy = "Waiting for the TPM: it is busy";
  assert.deepEqual(shown, ["Talking", busy, busy, "Enrolling", ""]);
});
