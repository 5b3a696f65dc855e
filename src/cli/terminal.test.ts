import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { showable } from "#base/showable.ts";

const hostile = "a\u001b]0;title\u0007b\u009b2Jc\rd\u007fe\u0000f";

test("results and notes of a program are shown so", () => {
  const script = `
    const { openTerminal } = await import(${JSON.stringify(new URL("terminal.ts", import.meta.url).href)});
    const console = openTerminal(new AbortController().signal);
    console.print(${JSON.stringify(hostile)});
    console.note(${JSON.stringify(hostile)});
    process.exit(0);`;
  const ran = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
    encoding: "utf8",
  });
  assert.equal(ran.stdout, `${showable(hostile)}\n`, ran.stderr);
  assert.equal(ran.stderr, `${showable(hostile)}\n`);
});
