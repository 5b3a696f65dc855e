/** Starts the agent process and waits until it answers. Nothing depends on it: a failure is a return value. */
import { spawn } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { isAgentRunning } from "./client.ts";
import { type AgentPlace, openAgentFolder } from "./place.ts";

/** The program and the arguments that run the agent. */
export type AgentCommand = readonly [string, ...string[]];

const pollMs = 10;
const patienceMs = 5_000;

/**
 * Starts an agent without waiting for it. A second one for the same place ends by itself. Gives a signal that is aborted
 * when the process has ended.
 */
export function launchAgent(command: AgentCommand, env: NodeJS.ProcessEnv): AbortSignal {
  const [program, ...args] = command;
  const child = spawn(program, args, { detached: true, stdio: "ignore", env, cwd: "/" });
  const ended = new AbortController();
  child.once("error", () => ended.abort());
  child.once("exit", () => ended.abort());
  child.unref();
  return ended.signal;
}

/** True when an agent runs, after starting one if need be. */
export async function ensureAgent(
  place: AgentPlace,
  command: AgentCommand,
  env: NodeJS.ProcessEnv,
): Promise<boolean> {
  if (await isAgentRunning(place)) return true;
  try {
    openAgentFolder(place);
  } catch {
    // Without a private folder there is no agent; the command does its work alone.
    return false;
  }
  const ended = launchAgent(command, env);
  for (let waited = 0; waited < patienceMs; waited += pollMs) {
    // One that ended may have left the place to a faster one: look once more.
    const last = ended.aborted;
    if (await isAgentRunning(place)) return true;
    if (last) return false;
    await delay(pollMs);
  }
  return false;
}
