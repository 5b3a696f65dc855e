/** Browsers as they name themselves, and addresses as they are written. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { sameAddress, systemOfBrowser } from "#devicetrust/browser.ts";

const chrome = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36";
const safari = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15";

const browsers: readonly [name: string, userAgent: string, touch: number, system?: string][] = [
  ["Chrome on Linux", `Mozilla/5.0 (X11; Linux x86_64) ${chrome}`, 0, "linux"],
  ["Firefox on Wayland", "Mozilla/5.0 (X11; Ubuntu; rv:140.0) Gecko/20100101", 0, "linux"],
  ["Linux with a touch screen", `Mozilla/5.0 (X11; Linux x86_64) ${chrome}`, 10, "linux"],
  ["Edge on Windows", `Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${chrome}`, 10, "windows"],
  ["Safari on a Mac", `Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${safari}`, 0, "macos"],
  ["Safari on an iPad", `Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${safari}`, 5, "ipados"],
  ["an old iPad", `Mozilla/5.0 (iPad; CPU OS 12_2 like Mac OS X) ${safari}`, 5, "ipados"],
  ["an iPhone", `Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) ${safari}`, 5, "ios"],
  ["Android", `Mozilla/5.0 (Linux; Android 16; Pixel 9) ${chrome}`, 5],
  ["ChromeOS", `Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) ${chrome}`, 0],
  ["curl", "curl/8.5.0", 0],
  ["nothing", "", 0],
];

for (const [name, userAgent, maxTouchPoints, system] of browsers) {
  test(`the system of ${name} is ${system ?? "none of a device"}`, () => {
    assert.equal(systemOfBrowser({ userAgent, maxTouchPoints }), system);
  });
}

test("a machine that reaches itself has one address, and every other address is its own", () => {
  for (const [a, b] of [
    ["127.0.0.1", "::1"],
    ["127.0.0.1", "::ffff:127.0.0.1"],
    ["::FFFF:192.0.2.1", "192.0.2.1"],
    ["2001:DB8::1", "2001:db8::1"],
  ] as const) {
    assert.ok(sameAddress(a, b), `${a} ${b}`);
  }
  for (const [a, b] of [
    ["192.0.2.1", "192.0.2.10"],
    ["192.0.2.1", "2001:db8::1"],
    ["127.0.0.1.evil.example", "127.0.0.1"],
    ["", "127.0.0.1"],
  ] as const) {
    assert.ok(!sameAddress(a, b), `${a} ${b}`);
  }
});
