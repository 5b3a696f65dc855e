import assert from "node:assert/strict";
import { test } from "node:test";
import { EventClock } from "#audit/event-clock.ts";
import { ManualClock } from "#base/clock.ts";

const start = new Date("2026-01-01T00:00:00Z");

function times(clock: EventClock, count: number): number[] {
  return Array.from({ length: count }, () => clock.now().getTime() - start.getTime());
}

test("events of one millisecond get times in the order of writing", () => {
  assert.deepEqual(times(new EventClock(new ManualClock(start)), 4), [0, 1, 2, 3]);
});

test("real time takes over as soon as it is later", () => {
  const manual = new ManualClock(start);
  const clock = new EventClock(manual);
  assert.deepEqual(times(clock, 2), [0, 1]);
  manual.advance(500);
  assert.deepEqual(times(clock, 2), [500, 501]);
});

test("a flood of events does not carry the log into the future", () => {
  const ahead = times(new EventClock(new ManualClock(start)), 1000);
  assert.ok(Math.max(...ahead) <= 100, `${Math.max(...ahead)} ms ahead`);
});

test("a clock that was set back is followed", () => {
  const manual = new ManualClock(start);
  const clock = new EventClock(manual);
  assert.deepEqual(times(clock, 1), [0]);
  manual.advance(-60_000);
  assert.deepEqual(times(clock, 2), [-60_000, -59_999]);
});
