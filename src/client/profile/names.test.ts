import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { assertName, joinAddress, splitAddress } from "#client/profile/names.ts";
import { loginPaths } from "#client/profile/paths.ts";

for (const name of [
  "",
  ".",
  "..",
  "../evil",
  "a/b",
  "a\\b",
  "/etc/passwd",
  "a\0b",
  "a\nb",
  "-rf",
  ".hidden",
  " padded ",
  "x".repeat(300),
]) {
  test(`refuses ${JSON.stringify(name.slice(0, 20))} as a part of a path`, () => {
    for (const kind of ["proxy host", "user", "cluster"] as const) {
      assert.throws(
        () => assertName(kind, name),
        (error) => isFault(error, "invalid"),
      );
    }
  });
}

test("names of people, machines and clusters pass", () => {
  for (const name of ["alice", "alice@example.com", "teleport.example.com", "::1", "Zoë", "a b"]) {
    assert.equal(assertName("user", name), name);
  }
});

test("no path of a login is built from a name that was not checked", () => {
  const good = { host: "proxy", user: "alice", cluster: "main" };
  for (const part of ["host", "user", "cluster"]) {
    assert.throws(
      () => loginPaths("/home/x/.tsh", { ...good, [part]: "../../etc" }),
      (error) => isFault(error, "invalid"),
    );
  }
});

test("addresses are split with and without port, IPv6 included", () => {
  assert.deepEqual(splitAddress("localhost"), { host: "localhost", port: undefined });
  assert.deepEqual(splitAddress("teleport.example.com:443"), {
    host: "teleport.example.com",
    port: 443,
  });
  assert.deepEqual(splitAddress("[::1]:3080"), { host: "::1", port: 3080 });
  assert.equal(joinAddress("::1", 3080), "[::1]:3080");
});

for (const address of ["", "https://x", "a:b", "a:0", "a:65536", "a:1:2", "u@h", "[::1", "a/b"]) {
  test(`"${address}" is no address`, () => {
    assert.throws(
      () => splitAddress(address),
      (error) => isFault(error, "usage"),
    );
  });
}
