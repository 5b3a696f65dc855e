/** The server by itself: until it answers, and what it holds when nobody asks for anything. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { programs } from "../../test/support/cluster/machine.ts";
import { freePort } from "../../test/support/free-port.ts";
import type { Bench } from "../context.ts";
import { median, residentMib, stopChild } from "../measure.ts";
import type { Row } from "../row.ts";

const starts = 5;
/** Garbage of the start is collected in this time, if ever. */
const restMs = 5000;

interface Started {
  readonly ms: number;
  readonly child: ChildProcess;
}

/** Starts and memory of a one-process cluster: auth, proxy, node. */
export async function measureServer(bench: Bench): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-bench-"));
  try {
    const ours = await measureStarts(async (port) => [
      ...[join(programs, "gatehouse"), "quickstart"],
      ...[`--data-dir=${join(folder, "data")}`, `--listen=127.0.0.1:${port}`],
    ]);
    const teleport = bench.officialPath("teleport");
    const official =
      teleport &&
      (await measureStarts(async (port) => officialCommand(teleport, folder, port)).catch(
        (error: unknown) => void process.stderr.write(`WARNING: ${String(error)}\n`),
      ));
    return [
      {
        what: "server start to answering /webapi/ping",
        unit: "ms",
        ours: ours.ms,
        goal: { at: "most", limit: 1000 },
        recorded: "1800–2200 ms",
        official: official ? official.ms : undefined,
      },
      {
        what: "memory of an idle cluster in one process",
        unit: "MiB",
        ours: ours.mib,
        goal: { at: "most", limit: 120 },
        recorded: "332 MiB",
        official: official ? official.mib : undefined,
      },
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Median start with a store that is there already, and the memory of the last one after a rest. */
async function measureStarts(
  command: (port: number) => Promise<readonly string[]>,
): Promise<{ ms: number; mib: number }> {
  const times: number[] = [];
  let mib = 0;
  for (let round = -1; round < starts; round++) {
    const port = await freePort();
    const { child, ms } = await startServer(await command(port), port);
    if (round >= 0) times.push(ms);
    if (round === starts - 1) {
      await wait(restMs);
      mib = residentMib(child.pid ?? 0);
    }
    await stopChild(child);
  }
  return { ms: median(times), mib };
}

async function startServer(words: readonly string[], port: number): Promise<Started> {
  const [program = "", ...args] = words;
  const start = performance.now();
  const child = spawn(program, args, { stdio: "ignore" });
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  child.once("exit", () => process.removeListener("exit", kill));
  while (!(await answersPing(port))) {
    if (child.exitCode !== null) throw new Error(`${program} ended with ${child.exitCode}`);
    if (performance.now() - start > 60_000) throw new Error(`${program} did not answer`);
    await wait(10);
  }
  return { child, ms: performance.now() - start };
}

function answersPing(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request(
      { host: "127.0.0.1", port, path: "/webapi/ping", rejectUnauthorized: false, agent: false },
      (answer) => {
        answer.resume();
        resolve(answer.statusCode === 200);
      },
    );
    asked.once("error", () => resolve(false));
    asked.end();
  });
}

/** A configuration of the official server with the same services. */
function officialCommand(teleport: string, folder: string, port: number): readonly string[] {
  const data = join(folder, "official");
  const file = join(folder, `official-${port}.yaml`);
  writeFileSync(
    file,
    [
      ...["version: v3", "teleport:", "  nodename: node1", `  data_dir: ${data}`],
      ...["  log: {output: /dev/null}", "auth_service:", "  enabled: yes"],
      ...["  cluster_name: example.com", "  listen_addr: 127.0.0.1:0"],
      ...["  proxy_listener_mode: multiplex", "proxy_service:", "  enabled: yes"],
      ...[`  web_listen_addr: 127.0.0.1:${port}`, `  public_addr: localhost:${port}`],
      ...["ssh_service:", "  enabled: yes", "  listen_addr: 127.0.0.1:0", ""],
    ].join("\n"),
  );
  return [teleport, "start", "-c", file];
}
