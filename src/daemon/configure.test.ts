import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { runProgram } from "#cli/run.ts";
import { createMemoryConsole } from "../../test/support/cli/memory-console.ts";
import { gatehouse } from "./program.ts";

/** Writes a configuration file. */
async function write(context: TestContext, text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "configure-"));
  context.after(() => rm(folder, { recursive: true }));
  const file = join(folder, "gatehouse.yaml");
  await writeFile(file, text);
  return file;
}

async function configure(...words: string[]) {
  const console = createMemoryConsole();
  const code = await runProgram(gatehouse, ["configure", ...words], console);
  return { code, stdout: console.stdout(), stderr: console.stderr() };
}

test("the file of --config is checked: every problem at its place, and how to check again", async (context) => {
  const file = await write(context, "version: v9\nauth_servce: {}\n");
  assert.deepEqual(await configure("--check", `--config=${file}`), {
    code: 2,
    stdout: "",
    stderr: [
      `ERROR: ${file}:1:10: version: must be "v3", not "v9" (did you mean "v3"?)`,
      `${file}:2:1: unknown key "auth_servce" (did you mean "auth_service"?)`,
      "",
      `hint: check the file again with: gatehouse configure --check --config=${file}`,
      "",
    ].join("\n"),
  });
});

test("a file that is right is said to be, in either order of the flags", async (context) => {
  const { stdout: text } = await configure("--cluster-name=example.com");
  const file = await write(context, text);
  const stdout = `${file} is a valid configuration.\n`;
  const right = { code: 0, stdout, stderr: "" };
  assert.deepEqual(await configure("--check", `--config=${file}`), right);
  assert.deepEqual(await configure("--config", file, "--check"), right);
});

test("a file that is not there is named", async () => {
  const { code, stderr } = await configure("--check", "--config=/nowhere/gatehouse.yaml");
  assert.equal(code, 2);
  assert.match(stderr, /^ERROR: the config file \/nowhere\/gatehouse\.yaml does not exist$/m);
});

test("flags of the one use are refused in the other, not ignored", async () => {
  const alone = await configure("--config=gatehouse.yaml");
  assert.equal(alone.code, 2);
  assert.match(alone.stderr, /^hint: gatehouse configure --check --config=gatehouse\.yaml$/m);
  const both = await configure("--check", "--config=gatehouse.yaml", "--cluster-name=x");
  assert.equal(both.code, 2);
  assert.match(both.stderr, /^ERROR: --check writes no file, so --cluster-name/m);
});
