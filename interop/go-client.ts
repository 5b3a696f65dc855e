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
    const runProgram = async (...flags: readonly string[]): Promise<readonly GoRow[]> => {
      const words = ["-json", `-proxy=${cluster.proxy}`, `-profile=${machine.profile}`, ...flags];
      const { stdout, stderr } = await machine.run(program, words);
      const lines = stdout.split("\n").filter((line) => line.startsWith("{"));
      if (lines.length === 0) {
        throw new Error(`the Go program printed no rows:\n${stdout}${stderr}`);
      }
      return lines.map(parseRow);
    };
    const rows = await runProgram(`-node=${cluster.nodename}`, `-tpm=${tpm.socket}`);
    await cluster.store(ruled);
    const writes = await runProgram("-unknown");
    const known = new Set(rows.map(({ method }) => method));
    const further = writes.filter(({ method }) => !known.has(method));
    return [...rows, ...further, ...(await rulesLeft(cluster))];
  } finally {
    await cluster.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Posture rules, of which the module knows nothing. */
const rule = 'device.os == "linux"';
const ruled = `kind: role
version: v7
metadata: {name: interop-ruled}
spec:
  allow: {logins: [before]}
  options: {device_posture: ['${rule}']}
---
kind: cluster_auth_preference
version: v2
spec:
  device_trust: {posture: ['${rule}']}
`;

/** Whether what the module wrote back is written, and the rules are still there. */
async function rulesLeft(cluster: Cluster): Promise<GoRow[]> {
  const left = async (resource: string, written: string): Promise<GoRow> => {
    const text = await cluster.admin("get", resource);
    const passed = text.includes(rule) && text.includes(written);
    const method = `posture rules of ${resource} outlive a write of the module`;
    const verdict = judge(method, sides, passed);
    return passed ? { method, verdict } : { method, verdict, problem: text };
  };
  return [
    await left("role/interop-ruled", "- changed"),
    await left("cluster_auth_preference", "disconnect_expired_cert: true"),
  ];
}

function parseRow(line: string): GoRow {
  const row = JSON.parse(line) as { method: string; passed: boolean; problem?: string };
  const verdict = judge(row.method, sides, row.passed);
  const { method, problem } = row;
  return problem === undefined ? { method, verdict } : { method, verdict, problem };
}
