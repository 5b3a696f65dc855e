import assert from "node:assert/strict";
import { test } from "node:test";
import { formatClientAddress, parseClientAddress } from "#node/session/client-address.ts";

test("reads addresses with and without a port", () => {
  const cases: Record<string, [string, number]> = {
    "192.0.2.1:50022": ["192.0.2.1", 50_022],
    "192.0.2.1": ["192.0.2.1", 0],
    "[2001:db8::1]:22": ["2001:db8::1", 22],
    "2001:db8::1": ["2001:db8::1", 0],
    "::ffff:192.0.2.1": ["192.0.2.1", 0],
    "[::ffff:192.0.2.1]:5": ["192.0.2.1", 5],
  };
  for (const [text, [address, port]] of Object.entries(cases)) {
    assert.deepEqual(parseClientAddress(text), { address, port }, text);
  }
});

test("what is no address is not known", () => {
  for (const text of ["", "localhost:22", "192.0.2.1:99999", "192.0.2.1:", "1.2.3:4", "a\nb"]) {
    assert.deepEqual(parseClientAddress(text), { address: "", port: 0 }, text);
  }
});

test("shows an address of either family", () => {
  assert.equal(formatClientAddress({ address: "::1", port: 5 }), "[::1]:5");
  assert.equal(formatClientAddress({ address: "192.0.2.1", port: 5 }), "192.0.2.1:5");
});
