/** The server by itself: until it answers, and what it holds when nobody asks for anything. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { answersPing } from "../../test/support/answers-ping.ts";
import { freePort } from "../../test/support/free-port.ts";
import type { Bench } from "../context.ts";
import { median, residentMib, stopChild } from "../measure.ts";
import type { Row } from "../row.ts";

const starts = 5;
/** Garbage of the start is collected in this time, if ever. */
const restMs = 5000;

interface Started {
  readonly ms: number;
  readonly pid: number;
  stop(): Promise<void>;
}

/** Starts and memory of a one-process cluster: auth, proxy, node. */
export async function measureServer(bench: Bench): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-bench-"));
  try {
    const programs = await bench.programs();
    const ours = await measureStarts(() => startOurs(programs, folder));
    const official = await measureReference(bench);
    return [
      {
        what: "server start to answering /webapi/ping",
        unit: "ms",
        ours: ours.ms,
        goal: { at: "most", limit: 1000 },
        recorded: "1800–2200 ms",
        official: official?.ms,
      },
      {
        what: "memory of an idle cluster in one process",
        unit: "MiB",
        ours: ours.mib,
        goal: { at: "most", limit: 120 },
        recorded: "332 MiB",
        official: official?.mib,
      },
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The reference's starts, with the store that it has by now. */
async function measureReference(bench: Bench): Promise<Measured | undefined> {
  const server = (await bench.reference())?.server;
  if (server === undefined) return undefined;
  await server.stopServer();
  const measured = await measureStarts(async () => {
    const start = performance.now();
    await server.startServer();
    const ms = performance.now() - start;
    return { ms, pid: server.serverPid, stop: () => server.stopServer() };
  });
  await server.restart();
  return measured;
}

interface Measured {
  readonly ms: number;
  readonly mib: number;
}

/** Median start with a store that is there already, and the memory of the last one after a rest. */
async function measureStarts(start: () => Promise<Started>): Promise<Measured> {
  const times: number[] = [];
  let mib = 0;
  for (let round = -1; round < starts; round++) {
    const { ms, pid, stop } = await start();
    if (round >= 0) times.push(ms);
    if (round === starts - 1) {
      await wait(restMs);
      mib = residentMib(pid);
    }
    await stop();
  }
  return { ms: median(times), mib };
}

async function startOurs(programs: string, folder: string): Promise<Started> {
  const port = await freePort();
  const args = [`--data-dir=${join(folder, "data")}`, `--listen=127.0.0.1:${port}`];
  const start = performance.now();
  const child = spawn(join(programs, "gatehouse"), ["quickstart", ...args], { stdio: "ignore" });
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  child.once("exit", () => process.removeListener("exit", kill));
  while (!(await answersPing(port))) {
    if (child.exitCode !== null) throw new Error(`gatehouse ended with ${child.exitCode}`);
    if (performance.now() - start > 60_000) throw new Error("gatehouse did not answer");
    await wait(10);
  }
  const ms = performance.now() - start;
  return { ms, pid: child.pid ?? 0, stop: () => stopChild(child) };
}
