/**
 * An official server for one run: authority, proxy and SSH server in one process on loopback ports, with a store, an
 * account and a configuration of its own in a temporary folder. People are added with its own tctl and complete their
 * invitations over its API, because a server that was built from source has no web pages.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as wait } from "node:timers/promises";
import { connect, type TLSSocket } from "node:tls";
import { stripVTControlCharacters } from "node:util";
import { createClient, GrpcClient } from "#api/grpc/client.ts";
import { utf8 } from "#base/bytes.ts";
import { AuthService } from "#gen/proto/authservice_pb.ts";
import { DeviceType } from "#gen/proto/mfa_pb.ts";
import { answersPing } from "../../test/support/answers-ping.ts";
import {
  checkoutPrograms,
  discardTpms,
  Machine,
  newTpm,
} from "../../test/support/cluster/machine.ts";
import { OneTimeCodes } from "../../test/support/cluster/one-time-codes.ts";
import { type Person, password } from "../../test/support/cluster.ts";
import { freePort } from "../../test/support/free-port.ts";
import { withPlainShells } from "../../tools/plain-shells.ts";
import type { JudgedCluster } from "./step.ts";

const name = "ip-172-31-35-170";
const startMs = 60_000;
const endMs = 10_000;

/** Where an official server and its tctl are. */
export interface ServerPrograms {
  readonly server: string;
  readonly tctl: string;
}

/** A running official server. */
export class OfficialServer implements JudgedCluster {
  readonly nodename = name;
  readonly folder: string;
  readonly port: number;
  readonly sshPort: number;
  readonly #programs: ServerPrograms;
  readonly #authPort: number;
  readonly #config: string;
  readonly #machines: Machine[] = [];
  readonly #discard = () => this.#kill();
  #child: ChildProcess | undefined;
  #said = "";

  private constructor(programs: ServerPrograms, folder: string, ports: readonly number[]) {
    const [port = 0, authPort = 0, sshPort = 0] = ports;
    this.#programs = programs;
    this.folder = folder;
    this.port = port;
    this.sshPort = sshPort;
    this.#authPort = authPort;
    this.#config = join(folder, "server.yaml");
    writeFileSync(this.#config, configuration(folder, { port, authPort, sshPort }));
  }

  /** Starts one with an empty store; resolves when people can reach its SSH server. */
  static async start(programs: ServerPrograms): Promise<OfficialServer> {
    const folder = mkdtempSync(join(tmpdir(), "gatehouse-official-"));
    const ports = [await freePort(), await freePort(), await freePort()];
    const server = new OfficialServer(programs, folder, ports);
    try {
      await server.startServer();
      await server.#untilNodeIsListed();
    } catch (error) {
      await server.close();
      throw error;
    }
    return server;
  }

  get proxy(): string {
    return `localhost:${this.port}`;
  }

  /** Process id of the server. */
  get serverPid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Starts the process; resolves when `/webapi/ping` is answered. The store of before is used again. */
  async startServer(): Promise<void> {
    const command = [this.#programs.server, "start", "-c", this.#config];
    const [program = "", ...args] = onNamedMachine(withPlainShells(command));
    const child = spawn(program, args, {
      cwd: this.folder,
      env: this.#environment(),
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    process.once("exit", this.#discard);
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        this.#said += text;
      });
    }
    const deadline = Date.now() + startMs;
    while (!(await answersPing(this.port))) {
      if (child.exitCode !== null || Date.now() > deadline) {
        throw new Error(`the official server did not get ready: ${this.#complaint()}`);
      }
      await wait(10);
    }
  }

  /** Starts the process again; resolves when people can reach the SSH server. */
  async restart(): Promise<void> {
    await this.startServer();
    await this.#untilNodeIsListed();
  }

  /** Ends the process. */
  async stopServer(): Promise<void> {
    const child = this.#child;
    process.removeListener("exit", this.#discard);
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill();
    const late = setTimeout(() => child.kill("SIGKILL"), endMs);
    await ended;
    clearTimeout(late);
  }

  async machine(serial: string, { tpm }: { readonly tpm: boolean }): Promise<Machine> {
    const folder = join(this.folder, `machine-${serial}`);
    const own = tpm ? await newTpm() : undefined;
    const machine = new Machine(folder, serial, checkoutPrograms, { tpm: own });
    this.#machines.push(machine);
    return machine;
  }

  acceptInvitation(): Promise<Person> {
    return this.addUser("alice", ["access", "auditor", "editor"]);
  }

  async addUser(user: string, roles: readonly string[]): Promise<Person> {
    const flags = [`--roles=${roles.join(",")}`, "--logins=root"];
    const invited = await this.admin("users", "add", user, ...flags);
    const token = /\/web\/invite\/(\w+)/.exec(invited)?.[1];
    if (token === undefined) throw new Error(`no invitation in:\n${invited}`);
    return { name: user, codes: await this.#completeInvitation(token) };
  }

  /** Runs the server's own tctl on its host; throws when it fails. Gives what it printed. */
  async admin(...args: string[]): Promise<string> {
    return this.#admin(args);
  }

  async store(yaml: string): Promise<void> {
    const file = join(this.folder, "resource.yaml");
    writeFileSync(file, yaml);
    this.#admin(["create", "-f", file]);
  }

  #admin(args: readonly string[]): string {
    const [program = "", ...words] = this.adminCommand(...args);
    const ran = spawnSync(program, words, {
      env: this.#environment(),
      encoding: "utf8",
      maxBuffer: 64 * 1024 * 1024,
    });
    if (ran.status === 0) return ran.stdout;
    throw new Error(`tctl ${args.join(" ")} ended with ${ran.status}:\n${ran.stderr}`);
  }

  /** The words that run the server's own tctl on its host. */
  adminCommand(...args: readonly string[]): readonly string[] {
    return [this.#programs.tctl, "-c", this.#config, ...args];
  }

  async close(): Promise<void> {
    for (const machine of this.#machines) await machine.close();
    await discardTpms();
    await this.stopServer();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** The token proves who asks: no certificate is needed for either call. */
  async #completeInvitation(TokenID: string): Promise<OneTimeCodes> {
    const authority = this.#admin(["auth", "export", "--type=tls-host"]);
    const client = new GrpcClient(() => this.#dialAuth(authority), {
      metadata: { version: "17.0.0" },
    });
    try {
      const auth = createClient(AuthService, client);
      const challenge = await auth.createRegisterChallenge({
        TokenID,
        DeviceType: DeviceType.TOTP,
      });
      if (challenge.Request.case !== "TOTP") throw new Error("the server made no TOTP secret");
      const codes = new OneTimeCodes(challenge.Request.value.Secret);
      await auth.changeUserAuthentication({
        TokenID,
        NewPassword: utf8(password),
        NewMFARegisterResponse: {
          Response: { case: "TOTP", value: { Code: await codes.next() } },
        },
        NewDeviceName: "otp",
      });
      return codes;
    } finally {
      await client.close();
    }
  }

  #dialAuth(authority: string): Promise<TLSSocket> {
    const hex = Buffer.from(name, "utf8").toString("hex");
    return new Promise((resolve, reject) => {
      const socket = connect({
        ...{ host: "127.0.0.1", port: this.#authPort, ca: authority },
        servername: `${hex}.teleport.cluster.local`,
        ALPNProtocols: ["h2"],
      });
      socket.once("secureConnect", () => resolve(socket));
      socket.once("error", reject);
    });
  }

  async #untilNodeIsListed(): Promise<void> {
    const deadline = Date.now() + startMs;
    for (;;) {
      const [nodes, proxies] = [this.#admin(["nodes", "ls"]), this.#admin(["get", "proxies"])];
      if (nodes.includes(name) && proxies.includes(this.proxy)) return;
      if (Date.now() > deadline) {
        throw new Error(`the official server lists no node: ${this.#complaint()}`);
      }
      await wait(200);
    }
  }

  /** Nothing of the machine's; no cloud is asked what this machine is called there. */
  #environment(): Record<string, string> {
    const home = join(this.folder, "home");
    mkdirSync(home, { recursive: true });
    return {
      PATH: process.env["PATH"] ?? "",
      HOME: home,
      TZ: "UTC",
      LANG: "C.UTF-8",
      AWS_EC2_METADATA_DISABLED: "true",
      GCE_METADATA_HOST: "127.0.0.1:1",
    };
  }

  /** What it said last, on its output or in its log. */
  #complaint(): string {
    const log = join(this.folder, "log");
    const text = this.#said.trim() || (existsSync(log) ? readFileSync(log, "utf8") : "");
    const said = stripVTControlCharacters(text).trim().split("\n").slice(-10).join("\n");
    const hint = said.includes("without web assets") ? "\nhint: see interop/official.md" : "";
    return `${said}${hint}`;
  }

  #kill(): void {
    this.#child?.kill("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/**
 * The configuration: a store in SQLite and one port for everything. Password and one-time code are the default, and not
 * named because what stands here cannot be changed by resources.
 */
function configuration(
  folder: string,
  { port, authPort, sshPort }: { port: number; authPort: number; sshPort: number },
): string {
  return `version: v3
teleport:
  nodename: ${name}
  data_dir: ${join(folder, "data")}
  storage: {type: sqlite}
  log: {output: ${join(folder, "log")}, severity: INFO}
auth_service:
  enabled: yes
  cluster_name: ${name}
  listen_addr: 127.0.0.1:${authPort}
  proxy_listener_mode: multiplex
proxy_service:
  enabled: yes
  web_listen_addr: 127.0.0.1:${port}
  public_addr: localhost:${port}
ssh_service:
  enabled: yes
  listen_addr: 127.0.0.1:${sshPort}
`;
}

/** What runs on the server finds the machine under the server's name, as on a server of ours. */
function onNamedMachine(command: readonly string[]): readonly string[] {
  const script = `echo ${name} > /proc/sys/kernel/hostname && exec "$@"`;
  return ["unshare", "--uts", "sh", "-c", script, "server", ...command];
}
