import assert from "node:assert/strict";
import { test } from "node:test";
import { TOTP } from "otpauth";
import { createTotpDevice, spendTotpCode, totpUrl } from "#auth/users/totp.ts";
import { systemRandom } from "#base/random.ts";

// RFC 6238 appendix B: the secret is the ASCII text "12345678901234567890"; the vectors there have eight digits.
const rfc = {
  ...createTotpDevice("otp", new Date(0), systemRandom),
  secret: "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
};

test("agrees with the vectors of RFC 6238", () => {
  for (const [seconds, code] of [
    [59, "287082"],
    [1111111109, "081804"],
    [20000000000, "353130"],
  ] as const) {
    assert.ok(spendTotpCode(rfc, code, new Date(seconds * 1000)), String(seconds));
  }
});

test("spends a code once, and after it none of an earlier period", () => {
  const now = new Date("2026-11-21T10:00:00Z");
  const device = createTotpDevice("phone", now, systemRandom);
  const app = new TOTP({ secret: device.secret });
  const spent = spendTotpCode(device, app.generate({ timestamp: now.getTime() }), now);
  assert.ok(spent);
  assert.equal(spendTotpCode(spent, app.generate({ timestamp: now.getTime() }), now), undefined);
  assert.equal(
    spendTotpCode(spent, app.generate({ timestamp: now.getTime() - 30_000 }), now),
    undefined,
  );
  assert.ok(spendTotpCode(spent, app.generate({ timestamp: now.getTime() + 30_000 }), now));
});

test("refuses codes of other forms and of distant periods", () => {
  const now = new Date("2026-11-21T10:00:00Z");
  const device = createTotpDevice("phone", now, systemRandom);
  const app = new TOTP({ secret: device.secret });
  for (const code of ["", "12345", "1234567", "abcdef", "１２３４５６"]) {
    assert.equal(spendTotpCode(device, code, now), undefined, code);
  }
  assert.equal(
    spendTotpCode(device, app.generate({ timestamp: now.getTime() + 90_000 }), now),
    undefined,
  );
});

test("the address for the app names cluster and user", () => {
  const device = createTotpDevice("phone", new Date(), systemRandom);
  const url = new URL(totpUrl(device, "myuser", "teleport.example.com"));
  assert.equal(url.protocol, "otpauth:");
  assert.equal(url.searchParams.get("secret"), device.secret);
  assert.equal(url.searchParams.get("issuer"), "teleport.example.com");
});
