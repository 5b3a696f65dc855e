import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { mergeKnownHosts, withoutHost } from "#client/profile/trust.ts";

const key = `ssh-ed25519 ${"A".repeat(68)}`;
const other = `ssh-ed25519 ${"B".repeat(68)}`;
const authority = { cluster: "main", sshKeys: [key], tlsCertificates: [] };

test("known_hosts gets one authority line per key and keeps foreign lines", () => {
  const foreign = "github.com ssh-ed25519 XYZ";
  assert.equal(
    mergeKnownHosts(`${foreign}\n`, "proxy", [authority]),
    `${foreign}\n@cert-authority proxy,main,*.main ${key}\n`,
  );
});

test("a rotated authority replaces the line of its cluster only", () => {
  const before = mergeKnownHosts("", "proxy", [authority, { ...authority, cluster: "leaf" }]);
  const after = mergeKnownHosts(before, "proxy", [{ ...authority, sshKeys: [other] }]);
  assert.equal(
    after,
    `@cert-authority proxy,leaf,*.leaf ${key}\n@cert-authority proxy,main,*.main ${other}\n`,
  );
  assert.equal(withoutHost(after, "proxy"), "");
});

for (const line of [
  `${key}\n@cert-authority * ${other}`,
  "ssh-ed25519",
  "",
  `@revoked * ${key}`,
  `${key}\u2028x\nhost ${other}`,
]) {
  test(`a server cannot write ${JSON.stringify(line.slice(-24))} into known_hosts`, () => {
    assert.throws(
      () => mergeKnownHosts("", "proxy", [{ ...authority, sshKeys: [line] }]),
      (error) => isFault(error, "malformed"),
    );
  });
}
