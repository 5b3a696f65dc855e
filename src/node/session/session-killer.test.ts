import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { after, test } from "node:test";
import { SessionKiller } from "#node/session/session-killer.ts";

const killer = new SessionKiller();
const started: ChildProcess[] = [];

after(() => {
  for (const child of started) child.kill("SIGKILL");
});

/** A session of processes that runs a line of shell; resolves when the line has said that it is ready. */
async function start(id: string, line: string) {
  const child = spawn("/bin/bash", ["-c", line], {
    detached: true,
    env: { PATH: process.env["PATH"], SSH_SESSION_ID: id },
    stdio: ["ignore", "pipe", "ignore"],
  });
  started.push(child);
  const exited = once(child, "exit");
  const [said] = (await once(child.stdout, "data")) as [Buffer];
  return { pid: child.pid ?? 0, exited, others: said.toString().trim().split(" ").map(Number) };
}

const lives = (pid: number) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

/** Resolves when the process is gone; it was killed, so it needs no patience but that of its new parent. */
async function gone(pid: number): Promise<void> {
  while (lives(pid)) await new Promise((resolve) => setImmediate(resolve));
}

test("ends the leader, its jobs in groups of their own, and what left the session, of many sessions in one look", async () => {
  // A job of an interactive shell has a group of its own; setsid leaves the session and keeps the environment.
  const line = "set -m; sleep 100 & a=$!; setsid sleep 100 & echo $a $!; wait";
  const sessions = await Promise.all(["one", "two", "three"].map((id) => start(id, line)));
  const bystander = await start("four", "echo $$; sleep 100");
  for (const { pid } of sessions) killer.kill(pid, { SSH_SESSION_ID: pidName(sessions, pid) });
  await killer.close();
  for (const { exited, others } of sessions) {
    await exited;
    for (const pid of others) await gone(pid);
  }
  assert.ok(lives(bystander.pid));
});

function pidName(sessions: readonly { readonly pid: number }[], pid: number): string {
  return ["one", "two", "three"][sessions.findIndex((session) => session.pid === pid)] ?? "";
}

test("a session without its variable ends as far as the kernel knows it", async () => {
  const { pid, exited, others } = await start("five", "set -m; sleep 100 & echo $!; wait");
  killer.kill(pid, {});
  await killer.close();
  await exited;
  for (const other of others) await gone(other);
});
