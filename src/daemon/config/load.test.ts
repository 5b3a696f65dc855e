/** Reading the config file from disk. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { formatAddress, parseAddress } from "#base/address.ts";
import { Fault } from "#base/fault.ts";
import { loadConfig } from "./load.ts";

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "gatehouse-config-"));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

test("without a file everything has its default", () => {
  const config = loadConfig(undefined, "/srv/data");
  assert.equal(config.dataDir, "/srv/data");
  assert.ok(config.auth && config.proxy && config.ssh);
});

test("reads a file and the token that stands beside it", (t) => {
  const dir = folder(t);
  writeFileSync(join(dir, "token"), "abc\n");
  writeFileSync(
    join(dir, "g.yaml"),
    `version: v3\nteleport: {auth_token: ${join(dir, "token")}, data_dir: d}\n`,
  );
  const config = loadConfig(join(dir, "g.yaml"));
  assert.equal(config.join.token?.reveal(), "abc");
  assert.equal(config.dataDir, join(dir, "d"));
});

test("a mistake is a usage fault that names the place, with a hint", (t) => {
  const path = join(folder(t), "g.yaml");
  writeFileSync(path, "version: v3\nteleport: {nodname: x}\n");
  assert.throws(
    () => loadConfig(path),
    (error) =>
      error instanceof Fault &&
      error.code === "usage" &&
      error.message ===
        `${path}:2:12: teleport: unknown key "nodname" (did you mean "nodename"?)` &&
      error.hint !== undefined,
  );
});

test("a file that is missing, no file or too large is a usage fault", (t) => {
  const dir = folder(t);
  const large = join(dir, "large.yaml");
  writeFileSync(large, "#".repeat(1024 * 1024 + 1));
  for (const [path, words] of [
    [join(dir, "nope.yaml"), "does not exist"],
    [dir, "cannot be read (EISDIR)"],
    [large, "is larger than 1 MiB"],
  ] as const) {
    assert.throws(
      () => loadConfig(path),
      (error) => error instanceof Fault && error.code === "usage" && error.message.endsWith(words),
    );
  }
});

test("addresses of every form are read and printed", () => {
  for (const [typed, printed] of [
    ["0.0.0.0:3080", "0.0.0.0:3080"],
    [":22", "0.0.0.0:22"],
    ["example.com", "example.com:443"],
    ["https://example.com", "example.com:443"],
    ["[::1]:22", "[::1]:22"],
    ["[fe80::1%eth0]", "[fe80::1%eth0]:443"],
    ["localhost:0", "localhost:0"],
  ] as const) {
    const parsed = parseAddress(typed, 443);
    assert.ok(parsed);
    assert.equal(formatAddress(parsed), printed);
  }
  for (const wrong of [
    "",
    ":",
    "a b:1",
    "::1:22",
    "x:70000",
    "x:1:2",
    "[::1",
    "http://x/y",
    "x:-1",
  ]) {
    assert.equal(parseAddress(wrong, 443), undefined, wrong);
  }
});
