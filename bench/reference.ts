/**
 * The reference of the last column: the official clients against the official server, all in one folder, measured in the
 * same run as ours. Both clusters idle while the other is measured.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { getLogin, type StoredLogin } from "#client/profile/logins.ts";
import { OfficialServer } from "../interop/official/server.ts";
import type { Machine } from "../test/support/cluster/machine.ts";
import { Terminal } from "../test/support/cluster/terminal.ts";
import { type Person, password } from "../test/support/cluster.ts";
import type { Command } from "./measure.ts";

/** A logged-in person with the official clients at an official server. */
export class Reference {
  readonly server: OfficialServer;
  readonly #folder: string;
  readonly #machine: Machine;
  #ours: Promise<StoredLogin> | undefined;

  private constructor(server: OfficialServer, folder: string, machine: Machine) {
    this.server = server;
    this.#folder = folder;
    this.#machine = machine;
  }

  /** True when the folder has all three programs. */
  static isIn(folder: string): boolean {
    return ["tsh", "tctl", "teleport"].every((name) => existsSync(join(folder, name)));
  }

  /** Starts a server and logs somebody in. */
  static async start(folder: string): Promise<Reference> {
    const programs = { server: join(folder, "teleport"), tctl: join(folder, "tctl") };
    const server = await OfficialServer.start(programs);
    try {
      const machine = await server.machine("BENCH001", { tpm: false });
      const reference = new Reference(server, folder, machine);
      await reference.logIn(await server.acceptInvitation(), machine);
      return reference;
    } catch (error) {
      await server.close();
      throw error;
    }
  }

  /** The host of `tsh ssh`. */
  get host(): string {
    return `root@${this.server.nodename}`;
  }

  get env(): Readonly<Record<string, string>> {
    return this.environmentOf(this.#machine);
  }

  /** The official programs come first on a machine, and keep their profile apart from ours. */
  environmentOf(machine: Machine): Readonly<Record<string, string>> {
    const path = `${this.#folder}:${machine.env["PATH"]}`;
    return { ...machine.env, PATH: path, TELEPORT_HOME: join(machine.folder, "official") };
  }

  /** The official tsh with the person's login. */
  tsh(...args: string[]): Command {
    return { program: join(this.#folder, "tsh"), args: ["--insecure", ...args], env: this.env };
  }

  /** The official tctl on the server's host. */
  admin(...args: string[]): Command {
    const [program = "", ...words] = this.server.adminCommand(...args);
    return { program, args: words, env: this.env };
  }

  /** A line of shell in which `tsh` is the official one. */
  shell(line: string): Command {
    const args = ["-c", line.replaceAll("tsh ", "tsh --insecure ")];
    return { program: "sh", args, env: this.env };
  }

  /** Logs in as people do, at a terminal: the official tsh asks nowhere else. Gives the milliseconds of it all. */
  async logIn(person: Person, machine: Machine): Promise<number> {
    const code = await person.codes.next();
    const words = ["login", "--insecure", `--proxy=${this.server.proxy}`, `--user=${person.name}`];
    const env = this.environmentOf(machine);
    const start = performance.now();
    const terminal = new Terminal([join(this.#folder, "tsh"), ...words], machine.home, env);
    await terminal.until(/password/i);
    terminal.type(`${password}\r`);
    await terminal.until(/OTP/i);
    terminal.type(`${code}\r`);
    const exit = await terminal.end();
    const ms = performance.now() - start;
    if (exit !== 0) throw new Error(`the official login ended with ${exit}:\n${terminal.screen}`);
    return ms;
  }

  /** A login of our own tsh at the official server, for measurements of that server from inside this process. */
  ourLogin(): Promise<StoredLogin> {
    this.#ours ??= this.#logInWithOurs();
    return this.#ours;
  }

  async #logInWithOurs(): Promise<StoredLogin> {
    const machine = await this.server.machine("BENCH002", { tpm: false });
    const person = await this.server.addUser("ours", ["access"]);
    const flags = [`--proxy=${this.server.proxy}`, `--user=${person.name}`, "--insecure"];
    const stdin = `${password}\n${await person.codes.next()}\n`;
    const { code, stderr } = await machine.run("tsh", ["login", ...flags], { stdin });
    if (code !== 0)
      throw new Error(`our login at the official server ended with ${code}:\n${stderr}`);
    return getLogin(machine.profile);
  }

  close(): Promise<void> {
    return this.server.close();
  }
}
