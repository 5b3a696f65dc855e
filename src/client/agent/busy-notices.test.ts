import assert from "node:assert/strict";
import { test } from "node:test";
import { BusyNotices } from "./busy-notices.ts";

test("everybody who listens hears of a wait once, and of its end when the last wait ends", () => {
  const notices = new BusyNotices();
  const heard: string[] = [];
  notices.listen((busy) => heard.push(`first ${busy}`));
  notices.tell(true);
  notices.tell(true);
  notices.tell(false);
  assert.deepEqual(heard, ["first true"]);
  notices.tell(false);
  assert.deepEqual(heard, ["first true", "first false"]);
});

test("whoever comes during a wait hears of it at once, and nothing after they left", () => {
  const notices = new BusyNotices();
  const heard: boolean[] = [];
  notices.listen((busy) => heard.push(busy))();
  notices.tell(true);
  assert.equal(heard.length, 0);
  const leave = notices.listen((busy) => heard.push(busy));
  assert.deepEqual(heard, [true]);
  leave();
  notices.tell(false);
  assert.deepEqual(heard, [true]);
});
