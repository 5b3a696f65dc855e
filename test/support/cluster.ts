/**
 * A whole cluster in processes of its own, for end-to-end tests: `gatehouse quickstart` on a free port with a data folder
 * of its own, people's machines with virtual TPMs, and nothing left behind. Everything goes through the programs that
 * people type.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { withPlainShells } from "../../tools/plain-shells.ts";
import { acceptInvitation } from "./cluster/invitation.ts";
import { checkoutPrograms, discardTpms, Machine, newTpm, type Ran } from "./cluster/machine.ts";
import { OneTimeCodes } from "./cluster/one-time-codes.ts";
import type { RunningTpm } from "./swtpm.ts";

/** The password of everybody in tests. */
export const password = "a long enough password";
const startMs = 30_000;

/** A person who can log in. */
export interface Person {
  readonly name: string;
  readonly codes: OneTimeCodes;
}

/** How a cluster starts. */
export interface ClusterOptions {
  readonly nodename?: string;
  readonly cluster?: string;
  readonly user?: string;
  /** OS accounts of the first administrator. */
  readonly logins?: readonly string[];
  /** The folder of the programs to run; else those of this checkout. */
  readonly programs?: string;
  /** Gives the data folder a disk of its own of this size, which only the server sees. */
  readonly diskMib?: number;
}

/** How a machine is built. */
export interface MachineOptions {
  /** A TPM of its own; true for one fresh from the factory, false for none. */
  readonly tpm?: boolean | RunningTpm;
  /** Its firmware measures boots and logs them: see `bootMachine`. */
  readonly logsBoots?: boolean;
  /** Names its folder; the serial number when nothing else does. */
  readonly name?: string;
}

/** Those that run in this process: their machines' TPMs come from one factory. */
const open = new Set<Cluster>();

let discarding = false;

/** A run that is broken off leaves no server and no file behind. */
function discardAtExit(): void {
  if (discarding) return;
  discarding = true;
  process.once("exit", () => {
    for (const cluster of open) cluster.discard();
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.once(signal, () => process.exit(1));
  }
}

/** A running cluster. */
export class Cluster {
  readonly folder: string;
  readonly nodename: string;
  readonly #options: ClusterOptions;
  readonly #machines: Machine[] = [];
  readonly #programs: string;
  /** The auth host, where tctl needs no login. */
  readonly host: Machine;
  #server: ChildProcess | undefined;
  #port = 0;
  /** What the server printed at its last start. */
  welcome = "";
  /** Its log since then. */
  log = "";

  private constructor(options: ClusterOptions) {
    discardAtExit();
    open.add(this);
    this.#options = options;
    this.#programs = options.programs ?? checkoutPrograms;
    this.nodename = options.nodename ?? "ip-172-31-35-170";
    this.folder = mkdtempSync(join(tmpdir(), "gatehouse-cluster-"));
    this.host = this.#addMachine("host", "HOST0001");
  }

  /** Starts one with an empty data folder. */
  static async start(options: ClusterOptions = {}): Promise<Cluster> {
    const cluster = new Cluster(options);
    try {
      await cluster.startServer();
    } catch (error) {
      await cluster.close();
      throw error;
    }
    return cluster;
  }

  get dataDir(): string {
    return join(this.folder, "data");
  }

  /** The data folder as the server sees it, also when it has a disk of its own. */
  get serverDataDir(): string {
    return join(`/proc/${this.#server?.pid}/root`, this.dataDir);
  }

  /** `host:port` that people type. */
  get proxy(): string {
    return `localhost:${this.#port}`;
  }

  /** The node that runs in the server's process, as `tsh ssh` takes it. */
  get target(): string {
    return `root@${this.nodename}`;
  }

  get port(): number {
    return this.#port;
  }

  /** Process id of the running server. */
  get serverPid(): number {
    return this.#server?.pid ?? 0;
  }

  /** The link for the first administrator; only the first start prints one. */
  get invitation(): string {
    const link = /https:\/\/\S+\/web\/invite\/\S+/.exec(this.welcome)?.[0];
    if (link === undefined) throw new Error(`no invitation in:\n${this.welcome}`);
    return link;
  }

  /** Starts the server on the same port and data as before. */
  async startServer(): Promise<void> {
    const { cluster, user = "myuser", logins = [], diskMib } = this.#options;
    const args = [
      "quickstart",
      `--data-dir=${this.dataDir}`,
      `--listen=127.0.0.1:${this.#port}`,
      `--nodename=${this.nodename}`,
      `--user=${user}`,
      ...(logins.length === 0 ? [] : [`--logins=${logins.join(",")}`]),
      ...(cluster === undefined ? [] : [`--cluster=${cluster}`]),
    ];
    const plain = withPlainShells([join(this.#programs, "gatehouse"), ...args]);
    const named = onMachine(this.nodename, plain);
    const command = diskMib === undefined ? named : onDisk(diskMib, this.dataDir, named);
    mkdirSync(this.dataDir, { recursive: true, mode: 0o700 });
    // The first start prints an invitation as well.
    const ready = this.#port === 0 ? /\/web\/invite\/\S+\n/ : /is ready: .*\n/;
    this.welcome = "";
    this.log = "";
    const [program = "", ...rest] = command;
    const server = spawn(program, rest, {
      cwd: this.folder,
      env: { PATH: process.env["PATH"], HOME: this.folder, LANG: "C.UTF-8", TZ: "UTC" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#server = server;
    server.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.log += text;
    });
    await new Promise<void>((resolve, reject) => {
      const fail = (what: string) =>
        reject(new Error(`the server ${what}:\n${this.welcome}${this.log}`));
      const timer = setTimeout(() => fail("did not get ready"), startMs);
      server.once("exit", (code) => fail(`ended with ${code}`));
      server.stdout.setEncoding("utf8").on("data", (text: string) => {
        this.welcome += text;
        if (!ready.test(this.welcome)) return;
        clearTimeout(timer);
        resolve();
      });
    });
    this.#port = Number(/https:\/\/localhost:(\d+)/.exec(this.welcome)?.[1]);
  }

  /** Stops the server, by default as Ctrl-C would; SIGKILL is a crash. Gives its exit code. */
  async stopServer(signal: NodeJS.Signals = "SIGINT"): Promise<number | null> {
    const server = this.#server;
    if (server === undefined || server.exitCode !== null || server.signalCode !== null) return null;
    const ended = new Promise<number | null>((resolve) => server.once("exit", resolve));
    server.kill(signal);
    return ended;
  }

  /** A person's computer with a TPM of its own, or none. Two of one serial number need a name each. */
  async machine(serial: string, options: MachineOptions = {}): Promise<Machine> {
    const { tpm = true, logsBoots = false, name = serial } = options;
    const own = tpm === true ? await newTpm() : tpm || undefined;
    return this.#addMachine(`machine-${name}`, serial, own, logsBoots);
  }

  /** Runs tctl on the auth host. */
  tctl(args: readonly string[], stdin = "", env: Record<string, string> = {}): Promise<Ran> {
    return this.host.run("tctl", [`--data-dir=${this.dataDir}`, ...args], { stdin, env });
  }

  /** Runs tctl on the auth host; throws when it fails. Gives stdout. */
  async admin(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.tctl(args);
    if (code !== 0) throw new Error(`tctl ${args.join(" ")} ended with ${code}:\n${stderr}`);
    return stdout;
  }

  /** Stores resources given as YAML. */
  async store(yaml: string): Promise<void> {
    const file = join(this.host.home, "resource.yaml");
    writeFileSync(file, yaml);
    await this.admin("create", "-f", file);
  }

  /** The first administrator completes the invitation. */
  async acceptInvitation(): Promise<Person> {
    return {
      name: this.#options.user ?? "myuser",
      codes: await acceptInvitation(this.invitation, password),
    };
  }

  /** Adds a user with a password and an authenticator app. */
  async addUser(
    name: string,
    roles: readonly string[],
    logins: readonly string[] = ["root"],
  ): Promise<Person> {
    const file = join(this.host.home, "password");
    writeFileSync(file, `${password}\n`);
    const flags = [`--roles=${roles.join(",")}`, `--logins=${logins.join(",")}`];
    const out = await this.admin(
      "users",
      "add",
      name,
      ...flags,
      `--password-file=${file}`,
      "--totp",
    );
    const secret = new URL(/otpauth:\S+/.exec(out)?.[0] ?? "").searchParams.get("secret") ?? "";
    return { name, codes: new OneTimeCodes(secret) };
  }

  /** Logs a person in on a machine. */
  async login(machine: Pick<Machine, "run">, person: Person, ...flags: string[]): Promise<Ran> {
    const code = await person.codes.next();
    const args = [
      "login",
      `--proxy=${this.proxy}`,
      `--user=${person.name}`,
      "--insecure",
      ...flags,
    ];
    return machine.run("tsh", args, { stdin: `${password}\n${code}\n` });
  }

  /** Stops everything and removes every file. */
  async close(): Promise<void> {
    for (const machine of this.#machines) await machine.close();
    await this.stopServer();
    open.delete(this);
    if (open.size === 0) await discardTpms();
    this.discard();
  }

  /** Kills the server and removes every file, at once. */
  discard(): void {
    this.#server?.kill("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }

  #addMachine(name: string, serial: string, tpm?: RunningTpm, logsBoots = false): Machine {
    const folder = join(this.folder, name);
    const machine = new Machine(folder, serial, this.#programs, { tpm, logsBoots });
    this.#machines.push(machine);
    return machine;
  }
}

let ownHostnames: boolean | undefined;

/** True when a server can have a host name of its own (needs root and a kernel that grants UTS namespaces). */
export function canNameHosts(): boolean {
  ownHostnames ??= process.getuid?.() === 0 && spawnSync("unshare", ["--uts", "true"]).status === 0;
  return ownHostnames;
}

/** Runs the server on a machine with the name that the guide shows in its prompt, where that is possible. */
function onMachine(name: string, command: readonly string[]): readonly string[] {
  if (!canNameHosts()) return command;
  const script = 'echo "$0" > /proc/sys/kernel/hostname && exec "$@"';
  return ["unshare", "--uts", "sh", "-c", script, name, ...command];
}

/** Runs the server with a small disk under its data folder. */
function onDisk(mib: number, folder: string, command: readonly string[]): readonly string[] {
  const script = 'mount -t tmpfs -o "size=$0m,mode=700" tmpfs "$1" && shift && exec "$@"';
  const user = process.getuid?.() === 0 ? [] : ["--user", "--map-root-user"];
  return ["unshare", ...user, "--mount", "sh", "-c", script, String(mib), folder, ...command];
}
