import assert from "node:assert/strict";
import { test } from "node:test";
import { Spinner } from "#cli/progress.ts";

test("draws nothing when the wait is short", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const drawn: string[] = [];
  const spinner = new Spinner("waiting", (text) => drawn.push(text));
  t.mock.timers.tick(100);
  spinner.stop();
  t.mock.timers.tick(1000);
  assert.deepEqual(drawn, []);
});

test("turns, follows the label, and leaves an empty line behind", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const drawn: string[] = [];
  const spinner = new Spinner("waiting for the TPM", (text) => drawn.push(text));
  t.mock.timers.tick(150);
  spinner.update("enrolling");
  t.mock.timers.tick(100);
  spinner.stop();
  spinner.stop();
  t.mock.timers.tick(1000);
  const erase = "\r\u001b[K";
  assert.deepEqual(drawn, [`${erase}| waiting for the TPM`, `${erase}/ enrolling`, erase]);
});
