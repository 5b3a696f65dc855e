/** A real PostgreSQL server of Debian for tests, with certificates for everybody who logs in. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../free-port.ts";
import { accountFor, ownedBy } from "./account.ts";

const root = "/usr/lib/postgresql";

/** The folder of the server's programs; undefined when it is not installed. */
export function postgresPrograms(): string | undefined {
  if (!existsSync(root)) return undefined;
  const [version] = readdirSync(root).sort((a, b) => Number(b) - Number(a));
  const folder = join(root, version ?? "", "bin");
  return existsSync(join(folder, "postgres")) ? folder : undefined;
}

/** A running server. */
export class PostgresServer {
  readonly port: number;
  readonly #folder: string;
  readonly #child: ChildProcess;
  #log: string;

  private constructor(folder: string, port: number, child: ChildProcess, log: string) {
    this.#folder = folder;
    this.port = port;
    this.#child = child;
    this.#log = log;
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#log += text;
    });
  }

  /** What the server wrote to its log. */
  get log(): string {
    return this.#log;
  }

  /** Starts one with the certificate, key and authorities in these files (PATH.crt, PATH.key, PATH.cas). */
  static async start(certificates: string, sql: readonly string[]): Promise<PostgresServer> {
    const programs = postgresPrograms() ?? "";
    const folder = mkdtempSync(join(tmpdir(), "gatehouse-postgres-"));
    const data = join(folder, "data");
    const port = await freePort();
    const account = accountFor("postgres");
    for (const ending of ["crt", "key", "cas"]) {
      copyFileSync(`${certificates}.${ending}`, join(folder, `server.${ending}`));
    }
    chmodSync(join(folder, "server.key"), 0o600);
    ownedBy(account, folder);
    runAs(account, join(programs, "initdb"), ["-D", data, "-U", "postgres", "-A", "trust", "-N"]);
    const settings = [
      "ssl = on",
      ...["cert", "key"].map(
        (name) => `ssl_${name}_file = '${folder}/server.${name === "cert" ? "crt" : name}'`,
      ),
      `ssl_ca_file = '${folder}/server.cas'`,
      `unix_socket_directories = '${folder}'`,
      `port = ${port}`,
      "listen_addresses = '127.0.0.1'",
      "fsync = off",
      "max_connections = 100",
    ];
    appendFileSync(join(data, "postgresql.conf"), `${settings.join("\n")}\n`);
    writeFileSync(
      join(data, "pg_hba.conf"),
      "local all postgres trust\nhostssl all bench all trust\nhostssl all all all cert\nhostnossl all all all reject\n",
    );
    const [program = "", ...args] = [...account, join(programs, "postgres"), "-D", data];
    const child = spawn(program, args, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
    process.once("exit", () => child.kill("SIGKILL"));
    const server = new PostgresServer(folder, port, child, "");
    await server.#ready();
    server.admin(sql);
    return server;
  }

  /** Runs statements as the administrator of the server, past everything. */
  admin(sql: readonly string[]): string {
    return runAs([], "psql", [
      ...["-h", this.#folder, "-p", String(this.port), "-U", "postgres", "-AtqX"],
      ...["-v", "ON_ERROR_STOP=1", ...sql.flatMap((statement) => ["-c", statement])],
    ]);
  }

  /** Stops the server; immediately, as in a crash, if so asked. */
  async stop(how: "SIGINT" | "SIGQUIT" = "SIGINT"): Promise<void> {
    if (this.#child.exitCode === null) {
      const ended = once(this.#child, "exit");
      this.#child.kill(how);
      await ended;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #ready(): Promise<void> {
    while (!this.#log.includes("ready to accept connections")) {
      if (this.#child.exitCode !== null) throw new Error(`PostgreSQL ended:\n${this.#log}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

function runAs(account: readonly string[], program: string, args: readonly string[]): string {
  const [first = "", ...rest] = [...account, program, ...args];
  const ran = spawnSync(first, rest, { encoding: "utf8", cwd: "/" });
  if (ran.status !== 0) throw new Error(`${program} ended with ${ran.status}:\n${ran.stderr}`);
  return ran.stdout.trim();
}
