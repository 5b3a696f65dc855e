import assert from "node:assert/strict";
import { test } from "node:test";
import { Fault } from "#base/fault.ts";
import { TpmClient, type TpmTransport } from "#tpm/client.ts";
import { startUp } from "#tpm/commands/capabilities.ts";
import { tellWhenBusy } from "./tpm-busy.ts";

const response = (code: number) => Uint8Array.of(0x80, 1, 0, 0, 0, 10, 0, 0, code >> 8, code);
const retry = response(0x922);
const success = response(0);

/** A client of a TPM that answers what `answer` gives, and what it told. */
function start(answer: () => Promise<Uint8Array>) {
  const told: boolean[] = [];
  const transport: TpmTransport = { transmit: answer, async close() {} };
  const watched = tellWhenBusy(transport, (busy) => told.push(busy));
  // The timer of the global object: that one the tests can move.
  const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
  return { tpm: new TpmClient(watched, wait), told };
}

/** Lets pending promises run, then moves the mocked clock. */
async function pass(timers: { tick(ms: number): void }, ms: number): Promise<void> {
  for (let at = 0; at < ms; at += 10) {
    await new Promise(setImmediate);
    timers.tick(10);
  }
  await new Promise(setImmediate);
}

test("a TPM that answers at once is not worth a word", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { tpm, told } = start(async () => success);
  await tpm.run(startUp());
  await pass(t.mock.timers, 2000);
  assert.deepEqual(told, []);
});

test("one that asks to try again is told of once after a second, and again when it answers", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const answers = [...Array.from({ length: 7 }, () => retry), success];
  const { tpm, told } = start(async () => answers.shift() ?? assert.fail());
  const done = tpm.run(startUp());
  await pass(t.mock.timers, 900);
  assert.deepEqual(told, []);
  await pass(t.mock.timers, 200);
  assert.deepEqual(told, [true]);
  await pass(t.mock.timers, 2000);
  await done;
  assert.deepEqual(told, [true, false]);
});

test("one that does not answer is told of too, also when it fails in the end", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const answer = Promise.withResolvers<Uint8Array>();
  const { tpm, told } = start(() => answer.promise);
  const failed = assert.rejects(tpm.run(startUp()), /does not answer/);
  await pass(t.mock.timers, 1000);
  assert.deepEqual(told, [true]);
  answer.reject(new Fault("timeout", "the TPM does not answer"));
  await failed;
  assert.deepEqual(told, [true, false]);
});

test("after the end nothing is told of a TPM that stayed busy", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const told: boolean[] = [];
  const transport: TpmTransport = { transmit: async () => retry, async close() {} };
  const watched = tellWhenBusy(transport, (busy) => told.push(busy));
  await watched.transmit(new Uint8Array(10));
  await watched.close();
  await pass(t.mock.timers, 2000);
  assert.deepEqual(told, []);
});
