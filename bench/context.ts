/** What rows measure with: a cluster with one node, a person's machine that is logged in to it, OpenSSH; each made once, when asked for. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { isAgentRunning, stopAgent } from "#client/agent/client.ts";
import { agentPlace } from "#client/agent/place.ts";
import { getLogin, type StoredLogin } from "#client/profile/logins.ts";
import type { Machine } from "../test/support/cluster/machine.ts";
import { Cluster, type Person } from "../test/support/cluster.ts";
import { makeReleaseFolder } from "../tools/release-folder.ts";
import type { Command } from "./measure.ts";
import { OpenSshPeer } from "./openssh.ts";
import { Reference } from "./reference.ts";
import type { Row } from "./row.ts";

/** The node of the cluster under test. */
export const nodename = "node1";

/** Measures some rows. */
export type Measurement = (bench: Bench) => Promise<Row[]>;

/** A logged-in person on a machine without a TPM. */
export interface Workplace {
  readonly cluster: Cluster;
  readonly person: Person;
  readonly machine: Machine;
}

/** One run of the benchmark. */
export class Bench {
  readonly #folder: string | undefined;
  #release: Promise<string> | undefined;
  #workplace: Promise<Workplace> | undefined;
  #openssh: Promise<OpenSshPeer> | undefined;
  #reference: Promise<Reference> | undefined;

  /** `reference` is a folder with the official programs, all of them. */
  constructor(reference: string | undefined) {
    this.#folder = reference;
  }

  /** The folder of our programs, as they are installed on a machine: a checkout looks for changes before each start. */
  programs(): Promise<string> {
    this.#release ??= installRelease();
    return this.#release;
  }

  workplace(): Promise<Workplace> {
    this.#workplace ??= this.programs().then(openWorkplace);
    return this.#workplace;
  }

  openssh(): Promise<OpenSshPeer> {
    this.#openssh ??= OpenSshPeer.start();
    return this.#openssh;
  }

  /** The stored login of the workplace, for measurements inside this process. */
  async login(): Promise<StoredLogin> {
    return getLogin((await this.workplace()).machine.profile);
  }

  /** One of our programs on the person's machine. */
  async our(program: string, ...args: string[]): Promise<Command> {
    const { machine } = await this.workplace();
    return { program: join(await this.programs(), program), args, env: machine.env };
  }

  /** A line of shell on the person's machine. */
  async shell(line: string): Promise<Command> {
    const { machine } = await this.workplace();
    return { program: "sh", args: ["-c", line], env: machine.env };
  }

  /** The reference, started when first asked for; undefined when the run has none. */
  reference(): Promise<Reference | undefined> {
    const folder = this.#folder;
    if (folder === undefined) return Promise.resolve(undefined);
    this.#reference ??= Reference.start(folder);
    return this.#reference;
  }

  /** Ends the person's agent, also one that a command has just started. */
  async endAgent(): Promise<void> {
    const { machine } = await this.workplace();
    const place = agentPlace(machine.profile, machine.env);
    for (let i = 0; i < 200 && !(await isAgentRunning(place)); i++) await wait(25);
    await stopAgent(place);
    while (await isAgentRunning(place)) await wait(10);
  }

  async close(): Promise<void> {
    const parts = [this.#workplace, this.#openssh, this.#reference] as const;
    const [workplace, openssh, reference] = await Promise.allSettled(parts);
    if (workplace.status === "fulfilled") await workplace.value?.cluster.close();
    if (openssh.status === "fulfilled") await openssh.value?.close();
    if (reference.status === "fulfilled") await reference.value?.close();
  }
}

async function installRelease(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-bench-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  await makeReleaseFolder(join(folder, "gatehouse"));
  return join(folder, "gatehouse", "bin");
}

async function openWorkplace(programs: string): Promise<Workplace> {
  const cluster = await Cluster.start({ nodename, logins: ["root"], programs });
  const machine = await cluster.machine("BENCH001", { tpm: false });
  const person = await cluster.acceptInvitation();
  const { code, stderr } = await cluster.login(machine, person);
  if (code !== 0) throw new Error(`the login ended with ${code}:\n${stderr}`);
  // The node joins while the server is already open for people.
  for (let i = 0; i < 100; i++) {
    if ((await machine.tsh("ssh", `root@${nodename}`, "true")).code === 0) break;
    await wait(100);
  }
  return { cluster, machine, person };
}
