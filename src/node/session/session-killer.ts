/**
 * Ends the processes of sessions that are cut: their leaders and groups at once, and whatever else belongs to them by one
 * look through the process table for all sessions that are cut at the same time. A look for each would take minutes where
 * a lock cuts a thousand.
 */
import { readdirSync, readFileSync } from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Closable } from "#base/lifecycle.ts";
import { signalGroup, statOf } from "./program.ts";

const markerName = "SSH_SESSION_ID=";
/** Processes that are looked at before others get a turn. */
const perTurn = 100;
/** What a session forks while it is ended is found by the next look. */
const mostLooks = 5;

/** The sessions that are to end. */
interface Condemned {
  readonly leaders: ReadonlySet<number>;
  readonly markers: ReadonlySet<string>;
}

/** Kills sessions of processes until closed. */
export class SessionKiller implements Closable {
  #leaders = new Set<number>();
  #markers = new Set<string>();
  #looking: Promise<void> | undefined;

  /**
   * Kills every process of a session: those whose kernel session is that of `leader` (shells put each job into a group of
   * its own), and those that left it and still carry the session's variable in their environment `env`, which children
   * inherit. The leader's group is gone at once, the others as soon as they are found.
   */
  kill(leader: number, env: Readonly<Record<string, string>>): void {
    signalGroup(leader, "SIGKILL");
    this.#leaders.add(leader);
    const id = env["SSH_SESSION_ID"];
    if (id !== undefined) this.#markers.add(markerName + id);
    this.#looking ??= this.#look();
  }

  /** Resolves when all that was to be killed is. */
  async close(): Promise<void> {
    await this.#looking;
  }

  async #look(): Promise<void> {
    while (this.#leaders.size > 0) {
      // Those that are cut in the same turn are looked for together.
      await nextTurn();
      const condemned = { leaders: this.#leaders, markers: this.#markers };
      this.#leaders = new Set();
      this.#markers = new Set();
      for (let looks = 0; looks < mostLooks && (await killOnce(condemned)) > 0; looks++);
    }
    this.#looking = undefined;
  }
}

/** One look through the process table. Gives how many were found alive. */
async function killOnce(condemned: Condemned): Promise<number> {
  let found = 0;
  let looked = 0;
  for (const pid of listProcesses()) {
    if (++looked % perTurn === 0) await nextTurn();
    if (!belongs(pid, condemned)) continue;
    try {
      process.kill(Number(pid), "SIGKILL");
      found++;
    } catch {
      // It ended by itself, or belongs to somebody else.
    }
  }
  return found;
}

function belongs(pid: string, { leaders, markers }: Condemned): boolean {
  const [state, , , session] = statOf(pid) ?? [];
  // What has ended and waits for its parent cannot be killed again.
  if (session === undefined || state === "Z") return false;
  return leaders.has(Number(session)) || environmentOf(pid).some((line) => markers.has(line));
}

/** Process ids. Empty where there is no /proc. */
function listProcesses(): string[] {
  try {
    return readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}

/** `NAME=value` for each variable; empty when the process is gone or somebody else's. */
function environmentOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, "latin1").split("\0");
  } catch {
    return [];
  }
}
