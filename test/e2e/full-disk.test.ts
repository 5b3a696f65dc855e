/**
 * A disk that is really full: the store refuses writes and goes on reading, the audit log refuses
 * events, and both go on when there is room again. The disk is a small file system in a mount
 * namespace of its own.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

test("a full disk refuses what is new, keeps what was acknowledged, and recovers", () => {
  const disk = mkdtempSync(join(tmpdir(), "gatehouse-full-"));
  const script = fileURLToPath(new URL("../support/full-disk.ts", import.meta.url));
  const mount = 'mount -t tmpfs -o size=4m tmpfs "$1" && exec "$2" "$3" "$1"';
  const namespace =
    process.getuid?.() === 0 ? ["--mount"] : ["--user", "--map-root-user", "--mount"];
  const output = execFileSync(
    "unshare",
    [...namespace, "sh", "-c", mount, "sh", disk, process.execPath, script],
    { encoding: "utf8" },
  );
  rmdirSync(disk);
  const { store, readable, audit, kept } = JSON.parse(output);
  assert.equal(store.code, "environment");
  assert.match(store.message, /no space left .*nothing was written/);
  assert.match(store.hint, /make room on the disk/);
  assert.ok(store.done > 50, `only ${store.done} writes before the disk was full`);
  assert.equal(readable, store.done);
  assert.equal(kept, store.done + 1);
  assert.equal(audit.code, "environment");
  assert.match(audit.message, /no space left for the audit log/);
});
