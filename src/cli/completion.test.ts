/** Completion scripts: bash itself checks and runs the bash one; the others are held against the table. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { test } from "node:test";
import { withBuiltins } from "#cli/builtin.ts";
import { completionNodes } from "#cli/completion.ts";
import { bashCompletion } from "#cli/completion-bash.ts";
import { fishCompletion } from "#cli/completion-fish.ts";
import { zshCompletion } from "#cli/completion-zsh.ts";
import { demo } from "../../test/support/cli/demo.ts";

const nodes = completionNodes(withBuiltins(demo));
const script = bashCompletion("demo", nodes);

/** What bash offers for the words of a line, the last one being completed. */
function complete(...words: readonly string[]): readonly string[] {
  const line = words.map((word) => `'${word}'`).join(" ");
  const run = `${script}
COMP_WORDS=(${line}); COMP_CWORD=${words.length - 1}; _demo_complete; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const out = execFileSync("bash", ["--norc", "-c", run], { encoding: "utf8" });
  return out.split("\n").filter((word) => word !== "");
}

test("bash accepts the syntax of its script", () => {
  const checked = spawnSync("bash", ["-n"], { input: script, encoding: "utf8" });
  assert.equal(checked.stderr, "");
  assert.equal(checked.status, 0);
});

test("offers the commands, then the words of a group", () => {
  assert.deepEqual(complete("demo", "us"), ["users"]);
  assert.deepEqual(complete("demo", "users", ""), ["add", "ls"]);
  assert.deepEqual(complete("demo", "--config", "=", "x", "users", "a"), ["add"]);
});

test("offers the flags of the command with an equals sign where a value follows", () => {
  assert.deepEqual(complete("demo", "users", "add", "--f"), ["--force"]);
  assert.deepEqual(complete("demo", "users", "add", "--ro"), ["--roles="]);
  assert.ok(complete("demo", "lock", "--").includes("--config="));
});

test("offers the words of a choice, split at the equals sign as bash does", () => {
  assert.deepEqual(complete("demo", "users", "ls", "--format", "="), ["text", "json", "yaml"]);
  assert.deepEqual(complete("demo", "users", "ls", "--format", "=", "j"), ["json"]);
});

test("does not offer hidden commands", () => {
  assert.deepEqual(complete("demo", "secret"), []);
  assert.ok(!script.includes("secret-thing"));
});

test("zsh and fish scripts name every command and flag with its summary", () => {
  const zsh = zshCompletion("demo", nodes);
  const fish = fishCompletion("demo", nodes);
  for (const node of nodes) {
    for (const { word, summary } of [...node.words, ...node.flags]) {
      assert.ok(zsh.includes(`'${word}:${summary}'`), `zsh lacks ${node.path} ${word}`);
      assert.ok(fish.includes(summary), `fish lacks ${node.path} ${word}`);
    }
  }
});
