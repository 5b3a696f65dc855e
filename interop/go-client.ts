/**
 * Runs the Go program of `interop/go` against a cluster of our own: our tsh logs in, the program reads the profile that
 * it wrote. Needs a Go toolchain; its modules come through the module proxy that the machine is set up with.
 */
import { execFile, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { newTpm } from "../test/support/cluster/machine.ts";
import { Cluster } from "../test/support/cluster.ts";
import { judge, type Verdict } from "./known-differences.ts";

/** One method of the public API, and what became of it. */
export interface GoRow {
  readonly method: string;
  readonly verdict: Verdict;
  readonly problem?: string;
}

const source = fileURLToPath(new URL("go/", import.meta.url));
const run = promisify(execFile);

/** The Go module is another official client. */
const sides = { client: "official", server: "ours" } as const;

const downloadMs = 100_000;
/** The machine's own toolchain and the modules of go.sum, whatever else the environment says. */
const goEnvironment = { ...process.env, GOTOOLCHAIN: "local", GOFLAGS: "-mod=readonly" };

/** What this machine lacks to run the Go client, or undefined. Downloads the modules when they are not there yet. */
export function missingForGo(): string | undefined {
  const options = { cwd: source, env: goEnvironment, timeout: downloadMs };
  if (spawnSync("go", ["version"], options).status !== 0) return "a Go toolchain";
  if (spawnSync("go", ["mod", "download"], options).status !== 0) return "a Go module proxy";
  return undefined;
}

/** Builds the program and runs it; gives its rows. */
export async function runGoClient(): Promise<readonly GoRow[]> {
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-go-"));
  const cluster = await Cluster.start({ user: "alice", logins: ["root"] });
  try {
    const program = join(folder, "interop");
    await run("go", ["build", "-buildvcs=false", "-o", program, "."], {
      cwd: source,
      env: goEnvironment,
    });
    await cluster.acceptInvitation();
    const person = await cluster.addUser("bob", ["access", "editor", "auditor", "device-admin"]);
    const machine = await cluster.machine("GOCLIENT1", { tpm: false });
    const login = await cluster.login(machine, person);
    if (login.code !== 0) throw new Error(`our tsh cannot log in:\n${login.shown}`);
    const tpm = await newTpm();
    const { stdout, stderr } = await machine.run(program, [
      "-json",
      `-proxy=${cluster.proxy}`,
      `-profile=${machine.profile}`,
      `-node=${cluster.nodename}`,
      `-tpm=${tpm.socket}`,
    ]);
    const lines = stdout.split("\n").filter((line) => line.startsWith("{"));
    if (lines.length === 0) throw new Error(`the Go program printed no rows:\n${stdout}${stderr}`);
    return lines.map(parseRow);
  } finally {
    await cluster.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function parseRow(line: string): GoRow {
  const row = JSON.parse(line) as { method: string; passed: boolean; problem?: string };
  const verdict = judge(row.method, sides, row.passed);
  const { method, problem } = row;
  return problem === undefined ? { method, verdict } : { method, verdict, problem };
}
