/** What rows measure with: a cluster with one node, a person's machine that is logged in to it, OpenSSH; each made once, when asked for. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { isAgentRunning, stopAgent } from "#client/agent/client.ts";
import { agentPlace } from "#client/agent/place.ts";
import { getLogin, type StoredLogin } from "#client/profile/logins.ts";
import type { Machine } from "../test/support/cluster/machine.ts";
import { Terminal } from "../test/support/cluster/terminal.ts";
import { Cluster, type Person, password } from "../test/support/cluster.ts";
import { makeReleaseFolder } from "../tools/release-folder.ts";
import type { Command } from "./measure.ts";
import { OpenSshPeer } from "./openssh.ts";
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
  readonly #reference: string | undefined;
  #release: Promise<string> | undefined;
  #workplace: Promise<Workplace> | undefined;
  #openssh: Promise<OpenSshPeer> | undefined;
  #official: Promise<Record<string, string>> | undefined;

  /** `reference` is a folder with the official programs. */
  constructor(reference: string | undefined) {
    this.#reference = reference;
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

  /** The path of an official program, or undefined when there is none. */
  officialPath(program: string): string | undefined {
    if (this.#reference === undefined) return undefined;
    const path = join(this.#reference, program);
    return existsSync(path) ? path : undefined;
  }

  /** An official program with a copy of the same login, at the same cluster. */
  async official(program: string, ...args: string[]): Promise<Command | undefined> {
    const path = this.officialPath(program);
    if (path === undefined) return undefined;
    const env = await this.officialEnvironment();
    return { program: path, args, env };
  }

  /** The environment of official programs: a login of their own, made when first asked for. */
  officialEnvironment(): Promise<Record<string, string>> {
    this.#official ??= this.#logInOfficially();
    return this.#official;
  }

  /** The official tsh asks for passwords at a terminal only. */
  async #logInOfficially(): Promise<Record<string, string>> {
    const { cluster, machine, person } = await this.workplace();
    const home = join(machine.folder, "official");
    const path = `${this.#reference}:${machine.env["PATH"]}`;
    const env = { ...machine.env, TELEPORT_HOME: home, PATH: path };
    const words = ["login", "--insecure", `--proxy=${cluster.proxy}`, `--user=${person.name}`];
    const terminal = new Terminal([this.officialPath("tsh") ?? "", ...words], machine.folder, env);
    await terminal.until(/password/i);
    terminal.type(`${password}\r`);
    await terminal.until(/OTP/i);
    terminal.type(`${await person.codes.next()}\r`);
    const code = await terminal.end();
    if (code !== 0) throw new Error(`the official login ended with ${code}:\n${terminal.screen}`);
    return env;
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
    const [workplace, openssh] = await Promise.allSettled([this.#workplace, this.#openssh]);
    if (workplace.status === "fulfilled") await workplace.value?.cluster.close();
    if (openssh.status === "fulfilled") await openssh.value?.close();
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
