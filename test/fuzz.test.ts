/** A short run of every fuzz target with a fixed seed; `npm run fuzz` goes on for as long as it is told to. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { hex } from "#base/bytes.ts";
import { isFault } from "#base/fault.ts";
import { runCampaign } from "../fuzz/campaign.ts";
import { mutate } from "../fuzz/mutate.ts";
import { SeededNumbers } from "../fuzz/random.ts";
import type { Target } from "../fuzz/target.ts";
import { targets } from "../fuzz/targets.ts";

const seed = 20_261_121;
/** Beyond the seeds of a target; few, because `npm test` runs them on every change. */
const mutations: Readonly<Record<string, number>> = {
  yaml: 40,
  "ssh-authentication": 60,
  "auth-calls": 300,
};

for (const target of targets) {
  test(`${target.name}: hostile input is taken or refused, nothing else`, async () => {
    const session = await target.open();
    await session.close?.();
    const inputs = session.seeds.length + (mutations[target.name] ?? 1000);
    const { find } = await runCampaign(target, seed, { inputs });
    if (find === undefined) return;
    assert.fail(
      `${String((find.error as Error)?.stack)}\ninput: ${hex(find.input).slice(0, 4000)}`,
    );
  });
}

test("every target has a name of its own and inputs to start from", async () => {
  assert.equal(new Set(targets.map((target) => target.name)).size, targets.length);
  for (const target of targets) {
    const session = await target.open();
    await session.close?.();
    assert.ok(session.seeds.length > 0, target.name);
    for (const each of session.seeds) assert.ok(each.length <= target.maxLength, target.name);
  }
});

/** A target that behaves as a parser with a bug would. */
function broken(run: (input: Uint8Array) => string): Target {
  return { name: "broken", maxLength: 64, open: () => ({ seeds: [new Uint8Array(8)], run }) };
}

test("an error that is no fault, and a fault that names a bug of ours, are finds", async () => {
  const crash = broken((input) => {
    if (input[3] === 0x80) throw new TypeError("undefined is not a function");
    return "";
  });
  const { find } = await runCampaign(crash, 1, { inputs: 10_000 });
  assert.equal(find?.input[3], 0x80);
  assert.ok(find.error instanceof TypeError && !isFault(find.error));
});

test("the same seed gives the same inputs, another seed others", async () => {
  const record = async (seed: number) => {
    const seen: string[] = [];
    const target = broken((input) => {
      seen.push(hex(input));
      return "";
    });
    await runCampaign(target, seed, { inputs: 200 });
    return seen;
  };
  assert.deepEqual(await record(7), await record(7));
  assert.notDeepEqual(await record(7), await record(8));
});

test("mutations keep the limit, change the input and leave the original alone", () => {
  const numbers = new SeededNumbers(1n);
  const original = Uint8Array.from({ length: 40 }, (_, index) => index);
  const source = { numbers, corpus: [original], dictionary: [Uint8Array.of(1, 2, 3)] };
  let changed = 0;
  for (let i = 0; i < 2000; i++) {
    const output = mutate(original, source, 100);
    assert.ok(output.length <= 100);
    if (hex(output) !== hex(original)) changed++;
  }
  assert.ok(changed > 1800, `${changed} of 2000 inputs differ`);
  assert.deepEqual([...original.keys()], [...original]);
});
