import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { isFault } from "#base/fault.ts";
import { makePrivateFolder, readFileIfThere, writePrivateFile } from "#daemon/files.ts";

const folder = mkdtempSync(join(tmpdir(), "gatehouse-files-"));
after(() => rmSync(folder, { recursive: true }));

test("folders and files are for their owner only", () => {
  const file = join(folder, "a", "b", "secret");
  writePrivateFile(file, "x");
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.equal(statSync(join(folder, "a", "b")).mode & 0o777, 0o700);
  assert.equal(readFileIfThere(file), "x");
  assert.equal(readFileIfThere(join(folder, "nothing")), undefined);
});

test("a file in the way, and a place that holds no folders, are clear refusals", () => {
  const file = join(folder, "plain");
  writeFileSync(file, "");
  for (const path of [file, join(file, "below"), "/proc/gatehouse/data"]) {
    assert.throws(
      () => makePrivateFolder(path),
      (error) => isFault(error, "environment") && error.hint !== undefined,
      path,
    );
  }
});
