/** A person's computer with the official programs on it, in a test cluster: run them, open them in a terminal, log in. */
import type { Machine, Ran } from "../../test/support/cluster/machine.ts";
import { Terminal } from "../../test/support/cluster/terminal.ts";
import { type Cluster, type Person, password } from "../../test/support/cluster.ts";
import { VirtualTpm } from "./virtual-tpm.ts";

/** Where the official programs are. */
export interface OfficialPrograms {
  readonly tsh: string;
  readonly tctl: string;
}

/** One computer. */
export class OfficialComputer {
  readonly machine: Machine;
  readonly #programs: OfficialPrograms;
  readonly #cluster: Cluster;
  readonly #tpm: VirtualTpm | undefined;

  private constructor(
    machine: Machine,
    programs: OfficialPrograms,
    cluster: Cluster,
    tpm: VirtualTpm | undefined,
  ) {
    this.machine = machine;
    this.#programs = programs;
    this.#cluster = cluster;
    this.#tpm = tpm;
  }

  /** Sets one up; `serial` is what its firmware says. */
  static async start(
    cluster: Cluster,
    programs: OfficialPrograms,
    serial: string,
    { tpm }: { readonly tpm: boolean },
  ): Promise<OfficialComputer> {
    const machine = await cluster.machine(serial, { tpm: false });
    const firmware = machine.env["GATEHOUSE_DMI_DIR"] ?? "";
    const virtual = tpm ? await VirtualTpm.start(firmware) : undefined;
    return new OfficialComputer(machine, programs, cluster, virtual);
  }

  get home(): string {
    return this.machine.home;
  }

  /** The words with which another program starts the official tsh here. */
  get tshPath(): string {
    return this.#programs.tsh;
  }

  tsh(...args: string[]): Promise<Ran> {
    return this.run([this.#programs.tsh, "--insecure", ...args]);
  }

  tctl(...args: string[]): Promise<Ran> {
    return this.run([this.#programs.tctl, "--insecure", ...args]);
  }

  /** Runs tctl with more environment: the editor, in the first place. */
  tctlWith(env: Readonly<Record<string, string>>, ...args: string[]): Promise<Ran> {
    const [program, ...rest] = this.#command([this.#programs.tctl, "--insecure", ...args]);
    return this.machine.run(program, rest, { env });
  }

  /** Runs a program without --insecure: it must verify every certificate, with `authorities` as the only ones it knows. */
  strict(program: "tsh" | "tctl", authorities: string, ...args: string[]): Promise<Ran> {
    return this.run([this.#programs[program], ...args], { SSL_CERT_FILE: authorities });
  }

  run(command: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
    const [program, ...rest] = this.#command(command);
    return this.machine.run(program, rest, { env });
  }

  /** Opens the official tsh in a terminal. */
  open(...args: string[]): Terminal {
    return this.openWith({}, ...args);
  }

  /** Opens the official tsh in a terminal with more environment; with SSL_CERT_FILE it verifies every certificate. */
  openWith(env: Readonly<Record<string, string>>, ...args: string[]): Terminal {
    const insecure = env["SSL_CERT_FILE"] === undefined ? ["--insecure"] : [];
    const command = this.#command([this.#programs.tsh, ...insecure, ...args]);
    return new Terminal(command, this.machine.home, { ...this.machine.env, ...env });
  }

  /** Logs a person in as people do: in a terminal. Gives the exit code and what the screen showed. */
  async login(
    person: Person,
    { secret = password, env = {} }: { secret?: string; env?: Record<string, string> } = {},
  ): Promise<{ readonly code: number; readonly screen: string }> {
    const flags = [`--proxy=${this.#cluster.proxy}`, `--user=${person.name}`];
    const terminal = this.openWith(env, "login", ...flags);
    await terminal.until(/password for/i);
    terminal.type(`${secret}\r`);
    if (await terminal.shows(/OTP (token|code)|security key/i)) {
      terminal.type(`${await person.codes.next()}\r`);
    }
    const code = await terminal.end();
    return { code, screen: terminal.screen };
  }

  logout(): Promise<Ran> {
    return this.tsh("logout");
  }

  close(): void {
    this.#tpm?.close();
  }

  #command(command: readonly string[]): readonly [string, ...string[]] {
    const [program = "", ...rest] = command;
    return this.#tpm ? this.#tpm.command(command) : [program, ...rest];
  }
}
