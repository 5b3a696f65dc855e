import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { copyFiles, type FileSide } from "./copy.ts";
import { localFiles } from "./local-files.ts";

/** A node that says of every file what the test wants. */
function hostileNode(mode: number): FileSide {
  return {
    ...localFiles,
    stat: async (path) => ({
      kind: path.endsWith("folder") ? "directory" : "file",
      size: 4n,
      mode,
      times: { accessed: 1, modified: 1 },
    }),
    list: async () => ["tool"],
    async *read() {
      yield new TextEncoder().encode("tool");
    },
    baseName: (path) => path,
  };
}

function makeFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-copy-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

for (const preserve of [false, true]) {
  test(`a node cannot make files here that lend the person's rights, preserve=${preserve}`, async (t) => {
    const path = makeFolder(t);
    const from = { side: hostileNode(0o7755), path: "folder" };
    await copyFiles([from], { side: localFiles, path }, { recursive: true, preserve });
    for (const name of ["folder", "folder/tool"]) {
      assert.equal(statSync(join(path, name)).mode & 0o7000, 0, name);
      assert.equal(statSync(join(path, name)).mode & 0o700, 0o700, name);
    }
  });
}
