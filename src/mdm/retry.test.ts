/** When a request is tried again. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { waitBeforeRetry } from "./retry.ts";

const now = new Date("2026-11-21T10:00:00Z");
const wait = (number: number, status: number | undefined, retryAfter?: string, jitter = 1) =>
  waitBeforeRetry({ number, status, retryAfter }, now, jitter);

test("waits double up to a minute, between a half and the whole by chance, and end", () => {
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6, 7].map((number) => wait(number, 503)),
    [1000, 2000, 4000, 8000, 16_000, 32_000, undefined],
  );
  assert.equal(wait(1, 503, undefined, 0), 500);
});

test("only what passes by itself is tried again", () => {
  for (const status of [undefined, 408, 429, 500, 502, 503, 504]) assert.ok(wait(1, status));
  for (const status of [200, 301, 400, 401, 403, 404, 501]) {
    assert.equal(wait(1, status), undefined, String(status));
  }
});

test("the MDM is never asked earlier than it wants, and who wants too much is not waited for", () => {
  assert.equal(wait(1, 429, "20"), 21_000);
  assert.equal(wait(1, 429, "Sat, 21 Nov 2026 10:00:30 GMT"), 31_000);
  assert.equal(wait(1, 429, "Sat, 21 Nov 2026 09:00:00 GMT"), 1000, "a date in the past");
  assert.equal(wait(1, 429, "3600"), 3_601_000);
  assert.equal(wait(1, 429, "3601"), undefined);
  for (const nonsense of ["", "soon", "-5", "1e9", "9".repeat(100)]) {
    assert.equal(wait(1, 429, nonsense), 1000, nonsense);
  }
});
