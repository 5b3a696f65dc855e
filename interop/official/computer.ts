/** A person's computer with the judged clients on it, in a test cluster: run them, open them in a terminal, log in. */
import type { Machine, Ran } from "../../test/support/cluster/machine.ts";
import { Terminal } from "../../test/support/cluster/terminal.ts";
import { type Person, password } from "../../test/support/cluster.ts";
import type { Clients } from "./programs.ts";
import type { JudgedCluster } from "./step.ts";
import { VirtualTpm } from "./virtual-tpm.ts";

/** One computer. */
export class Computer {
  readonly machine: Machine;
  readonly #clients: Clients;
  readonly #cluster: JudgedCluster;
  readonly #tpm: VirtualTpm | undefined;

  private constructor(
    machine: Machine,
    clients: Clients,
    cluster: JudgedCluster,
    tpm: VirtualTpm | undefined,
  ) {
    this.machine = machine;
    this.#clients = clients;
    this.#cluster = cluster;
    this.#tpm = tpm;
  }

  /** Sets one up; `serial` is what its firmware says. */
  static async start(
    cluster: JudgedCluster,
    clients: Clients,
    serial: string,
    { tpm }: { readonly tpm: boolean },
  ): Promise<Computer> {
    // Ours find a virtual TPM by its socket; the official ones want one where the machine's own would be.
    const official = clients.maker === "official";
    const machine = await cluster.machine(serial, { tpm: tpm && !official });
    const firmware = machine.env["GATEHOUSE_DMI_DIR"] ?? "";
    const virtual = tpm && official ? await VirtualTpm.start(firmware) : undefined;
    return new Computer(machine, clients, cluster, virtual);
  }

  get home(): string {
    return this.machine.home;
  }

  /** The line of shell with which another program starts tsh here. */
  get tshLine(): string {
    return [this.#clients.tsh, ...this.#insecure].join(" ");
  }

  /** Ours remember the web certificate from the login on; the official ones need the flag with every command. */
  get #insecure(): readonly string[] {
    return this.#clients.maker === "official" ? ["--insecure"] : [];
  }

  tsh(...args: string[]): Promise<Ran> {
    return this.tshWith({}, ...args);
  }

  /** With more variables in its environment. */
  tshWith(env: Readonly<Record<string, string>>, ...args: string[]): Promise<Ran> {
    return this.run([this.#clients.tsh, ...this.#insecure, ...args], env);
  }

  tctl(...args: string[]): Promise<Ran> {
    return this.run([this.#clients.tctl, ...this.#insecure, ...args]);
  }

  /** Runs tctl with more environment: the editor, in the first place. */
  tctlWith(env: Readonly<Record<string, string>>, ...args: string[]): Promise<Ran> {
    return this.run([this.#clients.tctl, ...this.#insecure, ...args], env);
  }

  /** Runs a program without --insecure: it must verify every certificate, with `authorities` as the only ones it knows. */
  strict(program: "tsh" | "tctl", authorities: string, ...args: string[]): Promise<Ran> {
    return this.run([this.#clients[program], ...args], { SSL_CERT_FILE: authorities });
  }

  run(command: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
    const [program, ...rest] = this.#command(command);
    return this.machine.run(program, rest, { env });
  }

  /** Opens tsh in a terminal. */
  open(...args: string[]): Terminal {
    return this.#open({}, [...this.#insecure, ...args]);
  }

  #open(env: Readonly<Record<string, string>>, args: readonly string[]): Terminal {
    const command = this.#command([this.#clients.tsh, ...args]);
    return new Terminal(command, this.machine.home, { ...this.machine.env, ...env });
  }

  /**
   * Logs a person in as people do: in a terminal. Gives the exit code and what the screen showed. With SSL_CERT_FILE in
   * the environment every certificate is verified.
   */
  async login(
    person: Person,
    { secret = password, env = {} }: { secret?: string; env?: Record<string, string> } = {},
  ): Promise<{ readonly code: number; readonly screen: string }> {
    const flags = [`--proxy=${this.#cluster.proxy}`, `--user=${person.name}`];
    const insecure = env["SSL_CERT_FILE"] === undefined ? ["--insecure"] : [];
    const terminal = this.#open(env, ["login", ...insecure, ...flags]);
    await terminal.until(/password for/i);
    terminal.type(`${secret}\r`);
    if (await terminal.shows(/OTP (?:token|code)|security key/i)) {
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
