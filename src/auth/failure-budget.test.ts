import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "#base/clock.ts";
import { Fault, isFault } from "#base/fault.ts";
import { FailureBudget, failureBudget, networkOf } from "./failure-budget.ts";

const isSpent = (error: unknown) => isFault(error, "limit");
const isWrong = (error: unknown) => isFault(error, "unproven");
const succeed = () => Promise.resolve("in");
const fail = () => Promise.reject(new Fault("unproven", "wrong"));

function open() {
  const clock = new ManualClock(new Date("2026-11-21T10:00:00Z"));
  return { clock, budget: new FailureBudget(clock) };
}

async function spendAll(budget: FailureBudget, address: string): Promise<void> {
  for (let i = 0; i < failureBudget.burst; i++)
    await assert.rejects(budget.run(address, fail), isWrong);
}

test("an address that fails too often is not served, and the attempt is not made", async () => {
  const { budget } = open();
  await spendAll(budget, "192.0.2.1");
  let ran = false;
  const attempt = () => {
    ran = true;
    return succeed();
  };
  await assert.rejects(budget.run("192.0.2.1", attempt), isSpent);
  assert.equal(ran, false);
  assert.equal(await budget.run("192.0.2.2", succeed), "in");
});

test("attempts at the same time are all paid for", async () => {
  const { budget } = open();
  const tries = Array.from({ length: 3 * failureBudget.burst }, () =>
    budget.run("192.0.2.1", fail),
  );
  const results = await Promise.allSettled(tries);
  const made = results.filter((result) => result.status === "rejected" && isWrong(result.reason));
  assert.equal(made.length, failureBudget.burst);
});

test("success costs nothing", async () => {
  const { budget } = open();
  for (let i = 0; i < 3 * failureBudget.burst; i++) await budget.run("192.0.2.1", succeed);
});

test("the budget comes back with time, and never grows beyond its size", async () => {
  const { budget, clock } = open();
  await spendAll(budget, "192.0.2.1");
  clock.advance(failureBudget.refillMs);
  await assert.rejects(budget.run("192.0.2.1", fail), isWrong);
  await assert.rejects(budget.run("192.0.2.1", fail), isSpent);
  clock.advance(1000 * failureBudget.burst * failureBudget.refillMs);
  await spendAll(budget, "192.0.2.1");
  await assert.rejects(budget.run("192.0.2.1", fail), isSpent);
});

test("addresses of one IPv6 network share a budget", () => {
  const same = [
    "2001:db8:0:1::1",
    "2001:DB8:0:1:ffff::",
    "2001:db8::1:0:0:0:9",
    "2001:0db8:0000:0001:1:2:3:4",
  ];
  for (const address of same) assert.equal(networkOf(address), "2001:db8:0:1::/64", address);
  assert.equal(networkOf("::1"), "0:0:0:0::/64");
  assert.equal(networkOf("fe80::1%eth0"), "fe80:0:0:0::/64");
  assert.notEqual(networkOf("2001:db8:0:2::1"), networkOf(same[0] ?? ""));
  assert.equal(networkOf("192.0.2.1"), "192.0.2.1");
});
