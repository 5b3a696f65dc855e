/** The engine as a process: terminal, pipe and signals. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { spawn as spawnTerminal } from "@lydell/node-pty";

const demo = fileURLToPath(new URL("../../test/support/cli/demo-main.ts", import.meta.url));

/** A demo command on a pseudo-terminal: answers when a label appears, collects the screen. */
async function onTerminal(
  words: readonly string[],
  answers: readonly (readonly [label: string, keys: string])[],
): Promise<{ readonly screen: string; readonly code: number }> {
  const child = spawnTerminal(process.execPath, [demo, ...words], { cols: 80, rows: 24 });
  const waiting = [...answers];
  let screen = "";
  let seen = 0;
  child.onData((text) => {
    screen += text;
    const next = waiting[0];
    const at = next === undefined ? -1 : screen.indexOf(next[0], seen);
    if (next === undefined || at < 0) return;
    seen = at + next[0].length;
    waiting.shift();
    child.write(next[1]);
  });
  const code = await new Promise<number>((resolve) => {
    child.onExit(({ exitCode }) => resolve(exitCode));
  });
  return { screen, code };
}

test("reads a password from the terminal without showing it, with its editing keys", async () => {
  const { screen, code } = await onTerminal(
    ["ask"],
    [
      ["Name: ", "alice\r"],
      ["Password: ", "wrong\u0015hunter\u007fr2\r"],
      ["Sure? [y/N] ", "yes\r"],
      ["abort) ", "x\r"],
      ["abort) ", "\r"],
    ],
  );
  assert.equal(code, 0);
  assert.match(screen, /Password: \r\n/);
  assert.doesNotMatch(screen, /wrong/);
  assert.match(screen, /"password":"hunter2","sure":true,"next":"e"/);
});

test("ends with 130 and prints no error when Ctrl-C is pressed at a password", async () => {
  const { screen, code } = await onTerminal(
    ["ask"],
    [
      ["Name: ", "alice\r"],
      ["Password: ", "\u0003"],
    ],
  );
  assert.equal(code, 130);
  assert.doesNotMatch(screen, /ERROR/);
});

test("ends with 130 when Ctrl-C is pressed at a plain question", async () => {
  const { screen, code } = await onTerminal(["ask"], [["Name: ", "\u0003"]]);
  assert.equal(code, 130);
  assert.doesNotMatch(screen, /ERROR/);
});

test("stops a waiting command at SIGINT with 130", async () => {
  const child = spawn(process.execPath, [demo, "fail", "wait"], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  await once(child.stdout, "data");
  child.kill("SIGINT");
  const [code] = await once(child, "exit");
  assert.equal(code, 130);
});

test("is quiet when the reader of its output goes away", async () => {
  const child = spawn("bash", [
    "-c",
    `"$0" "$1" fail pipe | head -1; echo "\${PIPESTATUS[0]}"`,
    process.execPath,
    demo,
  ]);
  let out = "";
  let err = "";
  child.stdout.on("data", (chunk) => (out += chunk));
  child.stderr.on("data", (chunk) => (err += chunk));
  await once(child, "close");
  assert.equal(out, "a line\n141\n");
  assert.equal(err, "");
});
