/** What tctl asks of this machine: the editor on a terminal, and the serial number. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { spawn } from "@lydell/node-pty";
import { isFault } from "#base/fault.ts";
import { createMemoryConsole } from "../../test/support/cli/memory-console.ts";
import { readCurrentDevice } from "./current-device.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tctl-machine-"));
});
afterEach(() => rm(folder, { recursive: true }));

test("the editor has the terminal to itself, and Ctrl-C in it does not end tctl", async () => {
  const file = join(folder, "text");
  await writeFile(file, "before\n");
  // An "editor" that catches Ctrl-C as vi does, says so, and then saves what is typed.
  const editor = join(folder, "editor.sh");
  await writeFile(
    editor,
    'trap "echo caught" INT\necho ready\nread line || read line\necho "$line" > "$1"\n',
  );
  const driver = join(folder, "driver.ts");
  const here = (name: string) => JSON.stringify(new URL(name, import.meta.url).href);
  await writeFile(
    driver,
    `import { runEditor } from ${here("editor.ts")};
     process.on("SIGINT", () => process.exit(130));
     const env = { ...process.env, EDITOR: "sh " + process.argv[2] };
     await runEditor(process.argv[3], { env, cwd: "/" });
     process.stdout.write(\`edited, listeners: \${process.listenerCount("SIGINT")}\n\`);`,
  );
  const child = spawn(process.execPath, [driver, editor, file], { cols: 80, rows: 24 });
  let screen = "";
  const answers: [string, string][] = [
    ["ready", "\u0003"],
    ["caught", "after\r"],
  ];
  child.onData((text) => {
    screen += text;
    const next = answers[0];
    if (next === undefined || !screen.includes(next[0])) return;
    answers.shift();
    child.write(next[1]);
  });
  const code = await new Promise<number>((resolve) => {
    child.onExit(({ exitCode }) => resolve(exitCode));
  });
  assert.equal(code, 0, screen);
  assert.match(screen, /edited, listeners: 1/);
  assert.equal(await readFile(file, "utf8"), "after\n");
});

test("reads the asset tag of this machine where GATEHOUSE_DMI_DIR points", async () => {
  await writeFile(join(folder, "product_serial"), "C00AA0AAAA0A\n");
  const console = createMemoryConsole({ env: { GATEHOUSE_DMI_DIR: folder } });
  assert.deepEqual(await readCurrentDevice(console), { osType: "linux", assetTag: "C00AA0AAAA0A" });
});

test("says what to do when this machine has no serial number", async () => {
  const empty = join(folder, "empty");
  await mkdir(empty);
  const console = createMemoryConsole({ env: { GATEHOUSE_DMI_DIR: empty } });
  await assert.rejects(readCurrentDevice(console), (error) => {
    assert.ok(isFault(error, "environment"));
    assert.match(error.message, /no serial number/);
    assert.match(error.hint ?? "", /--asset-tag=TAG/);
    return true;
  });
});
