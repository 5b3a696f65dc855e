/** An interactive shell under a real pseudo-terminal: raw input, window size, exit code, and the terminal given back. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type IPty, spawn } from "@lydell/node-pty";
import { saveLogin } from "#client/profile/store.ts";
import { nodeName, startFakeCluster } from "../support/client/fake-cluster.ts";

const main = new URL("../../src/tsh/main.ts", import.meta.url).pathname;

async function start(context: TestContext, env: Readonly<Record<string, string>> = {}) {
  const cluster = await startFakeCluster();
  const home = mkdtempSync(join(tmpdir(), "tsh-terminal-"));
  const folder = join(home, ".tsh");
  await saveLogin(folder, cluster.document, cluster.credentials(), cluster.authorities);
  // A shell around tsh shows what state the terminal is left in.
  const terminal = spawn("/bin/sh", ["-i"], {
    cols: 100,
    rows: 30,
    cwd: home,
    env: {
      PATH: process.env["PATH"] ?? "",
      HOME: home,
      TELEPORT_HOME: folder,
      GATEHOUSE_AGENT: "off",
      PS1: "$ ",
      TSH: `${process.execPath} ${main}`,
      ...env,
    },
  });
  const screen = new Screen(terminal);
  context.after(async () => {
    terminal.kill();
    await cluster.close();
    rmSync(home, { recursive: true, force: true });
  });
  return { cluster, terminal, screen };
}

/** What a terminal has shown so far. */
class Screen {
  text = "";
  #waiting: (() => void)[] = [];

  constructor(terminal: IPty) {
    terminal.onData((data) => {
      this.text += data;
      for (const wake of this.#waiting.splice(0)) wake();
    });
  }

  /** Waits until the pattern shows up, and forgets what was shown up to there. */
  async shows(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.text);
      if (match !== null) {
        this.text = this.text.slice(match.index + match[0].length);
        return match;
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }
}

test("a shell gets a terminal of our size, sees it change, takes raw keys, and gives the terminal back", async (context) => {
  const { terminal, screen, cluster } = await start(context);
  terminal.write("stty -a | head -1; echo before=$(stty -g)\r");
  const before = await screen.shows(/before=([0-9a-f:]+)/);
  terminal.write(`$TSH ssh root@${nodeName}\r`);
  // The test's server runs a shell without a terminal of its own: it wants newlines, and raw keys arrive as they are.
  terminal.write("echo re''ady\r");
  await screen.shows(/ready/);
  terminal.resize(120, 40);
  terminal.write("echo still''here\n");
  await screen.shows(/stillhere/);
  while (!cluster.ssh.requests.includes("resize 120x40")) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(cluster.ssh.requests.some((request) => /^pty .+ 100x30$/.test(request)));
  terminal.write("exit 9\n");
  await screen.shows(/ERROR: Process exited with status 9/);
  terminal.write("echo code=$?; echo after=$(stty -g)\r");
  assert.equal((await screen.shows(/code=(\d+)/))[1], "9");
  assert.equal((await screen.shows(/after=([0-9a-f:]+)/))[1], before[1]);
});

test("whoever waits for a busy TPM is told so", async (context) => {
  const home = mkdtempSync(join(tmpdir(), "busy-tpm-"));
  const socket = join(home, "tpm");
  const retry = Buffer.from("80010000000a00000922", "hex");
  const tpm = createServer((connection) => connection.on("data", () => connection.write(retry)));
  tpm.listen(socket);
  context.after(() => {
    tpm.close();
    rmSync(home, { recursive: true, force: true });
  });
  const { terminal, screen } = await start(context, { GATEHOUSE_TPM: `swtpm:unix:${socket}` });
  terminal.write("$TSH device enroll --current-device\r");
  await screen.shows(/Talking to the TPM/);
  const [next] = await screen.shows(/Waiting for the TPM: it is busy|ERROR/);
  assert.notEqual(next, "ERROR");
  await screen.shows(/ERROR: .*\bRETRY\b[\s\S]*the TPM is busy: try again/);
});
