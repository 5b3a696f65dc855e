import assert from "node:assert/strict";
import { test } from "node:test";
import { findAccount } from "#node/session/account.ts";
import { findSignal, signalName } from "#node/session/signals.ts";
import { clampSize } from "#node/session/terminal-program.ts";
import { sttyArguments, terminalSetup } from "#node/session/terminal-setup.ts";

test("modes become arguments of stty; unknown ones and values that are no character are left out", () => {
  const modes = new Map([
    [1, 3],
    [3, 255],
    [53, 0],
    [50, 1],
    [36, 1],
    [99, 7],
    [2, 70_000],
  ]);
  assert.deepEqual(sttyArguments(modes), [
    ...["intr", "0x03", "erase", "undef"],
    ...["-echo", "isig", "icrnl"],
  ]);
});

test("the terminal changes hands only when the account is another one", () => {
  assert.match(terminalSetup(new Map(), 1000), /^chown 1000 "\$SSH_TTY"$/m);
  assert.doesNotMatch(terminalSetup(new Map(), undefined), /chown|stty/);
});

test("sizes are ones that a terminal can have", () => {
  const size = { columns: 0, rows: 4_000_000_000, pixelWidth: 0, pixelHeight: 0 };
  assert.deepEqual(clampSize(size), { columns: 80, rows: 10_000 });
});

test("signals are sent and named without SIG, and only those that clients may send", () => {
  assert.equal(findSignal("TERM"), "SIGTERM");
  for (const name of ["", "SIGTERM", "term", "CHLD", "constructor"]) {
    assert.equal(findSignal(name), undefined, name);
  }
  assert.equal(signalName(9), "KILL");
  assert.equal(signalName(15), "TERM");
  assert.equal(signalName(200), "KILL");
});

test("an account is the line with the very name, and a broken line is none", () => {
  const passwd = [
    "rootx:x:1:1::/:/bin/sh",
    "root:x:zero:0::/root:/bin/bash",
    "root:x:0:0:root:/root:/bin/bash",
    "nohome:x:5:6:::",
    "short:x",
  ].join("\n");
  assert.equal(findAccount(passwd, "root")?.uid, 0);
  assert.deepEqual(findAccount(passwd, "nohome"), {
    ...{ name: "nohome", uid: 5, gid: 6 },
    ...{ home: "/", shell: "/bin/sh" },
  });
  assert.equal(findAccount(passwd, "short"), undefined);
  assert.equal(findAccount(passwd, "roo"), undefined);
});
