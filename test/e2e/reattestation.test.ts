/**
 * Re-attestation with real programs: while a session goes on, the person's agent proves the device on its TPM; the session
 * of a machine whose TPM has gone silent ends after an interval, and the person reads why.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { logInAt } from "../support/cluster/login.ts";
import type { Machine } from "../support/cluster/machine.ts";
import type { Terminal } from "../support/cluster/terminal.ts";
import { Cluster } from "../support/cluster.ts";

const roles = ["access", "editor", "require-trusted-device"];

/** The shortest that there is. */
const intervalMs = 60_000;

let cluster: Cluster;

before(async () => {
  cluster = await Cluster.start();
  await cluster.store(
    "kind: attestation_policy\nversion: v1\nspec:\n  reattestation:\n    every: 1m\n",
  );
});

after(() => cluster?.close());

async function openShell(machine: Machine): Promise<Terminal> {
  const shell = machine.open("tsh", "ssh", cluster.target);
  await shell.until(/# $/);
  return shell;
}

/** How often the device of a person has proved itself. */
async function proofsOf(user: string): Promise<number> {
  const shown = await cluster.admin("audit", "ls", "--format=json", "--kind=device.authenticate");
  const events: { user: string; success: boolean }[] = JSON.parse(shown);
  return events.filter((event) => event.user === user && event.success).length;
}

test("a session goes on while its device answers, and ends with the reason when it does not", async () => {
  const wish = { roles, enroll: true };
  const alive = await logInAt(cluster, { serial: "LAPTOP001", name: "alice", ...wish });
  const silent = await logInAt(cluster, { serial: "LAPTOP002", name: "bob", ...wish });
  const [shell, doomed] = [await openShell(alive.machine), await openShell(silent.machine)];
  const before = await proofsOf("alice");
  await silent.machine.tpm?.stop();
  assert.notEqual(await doomed.end(intervalMs * 3), 0, doomed.screen);
  assert.match(doomed.screen, /has not proved itself again within 1m0s/);
  assert.match(doomed.screen, /hint: .*tsh device doctor/);
  assert.ok((await proofsOf("alice")) > before);
  shell.type("echo still''here\r");
  await shell.until(/stillhere/);
  const shown = await cluster.admin("audit", "ls", "--format=json", "--kind=client.disconnect");
  const [{ user, reason }] = JSON.parse(shown);
  assert.deepEqual([user, /not proved itself again/.test(reason)], ["bob", true]);
});
