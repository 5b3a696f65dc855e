/** The bindings of web tokens that no whole cluster can break: the rest is in `#auth/grpc/web-authentication.test.ts`. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { systemRandom } from "#base/random.ts";
import {
  assertExpectedDevice,
  createWebTokenSecret,
  hashWebToken,
  isPossibleToken,
  type WebTokenRecord,
} from "#devicetrust/web-token.ts";

const userAgent = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/26.0 Safari/605.1.15";
const record: WebTokenRecord = {
  id: "1",
  user: "alice",
  sessionId: "s",
  expires: new Date(),
  browser: { userAgent, address: "192.0.2.1", maxTouchPoints: 0 },
  expectedDevices: ["d1"],
};

test("a device that is expected, on the browser's system, may vouch; any other may not", () => {
  assertExpectedDevice(record, { id: "d1", osType: "macos" });
  for (const [id, osType, reason] of [
    ["d2", "macos", "web_token_device"],
    ["d1", "linux", "web_token_system"],
    ["d1", "ipados", "web_token_system"],
  ] as const) {
    assert.throws(
      () => assertExpectedDevice(record, { id, osType }),
      (error) => isFault(error, "access-denied") && error.audit["reason"] === reason,
    );
  }
});

test("an iPad that pretends to be a Mac is told by its screen", () => {
  const browser = { ...record.browser, maxTouchPoints: 5 };
  assertExpectedDevice({ ...record, browser }, { id: "d1", osType: "ipados" });
});

test("the words of a token are 256 bits, print as redacted, and lead to their hash", () => {
  const { token, hash } = createWebTokenSecret(systemRandom);
  assert.match(token.reveal(), /^[\w-]{43}$/);
  assert.equal(String(token), "[redacted]");
  assert.equal(hashWebToken(token.reveal()), hash);
});

test("texts that nobody's token can be are not looked up", () => {
  for (const [id, token] of [
    ["", "t"],
    ["i", ""],
    ["i".repeat(129), "t"],
    ["i", "t".repeat(129)],
  ] as const) {
    assert.ok(!isPossibleToken({ id, token }));
  }
  assert.ok(isPossibleToken({ id: "i", token: "t" }));
});
