/** A real MariaDB server of Debian for tests, whose users come by certificate. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../free-port.ts";
import { accountFor, ownedBy } from "./account.ts";

/** A running server. */
export class MariadbServer {
  readonly port: number;
  readonly #folder: string;
  readonly #child: ChildProcess;

  private constructor(folder: string, port: number, child: ChildProcess) {
    this.#folder = folder;
    this.port = port;
    this.#child = child;
  }

  /** Starts one with the files PATH.crt, PATH.key and PATH.cas, and runs statements as its administrator. */
  static async start(certificates: string, sql: readonly string[]): Promise<MariadbServer> {
    const folder = mkdtempSync(join(tmpdir(), "gatehouse-mariadb-"));
    const data = join(folder, "data");
    for (const ending of ["crt", "key", "cas"]) {
      copyFileSync(`${certificates}.${ending}`, join(folder, `server.${ending}`));
    }
    const account = accountFor("mysql");
    chmodSync(folder, 0o755);
    ownedBy(account, folder);
    const installed = spawnSync(
      "setpriv",
      [
        ...account.slice(1),
        ...["mariadb-install-db", "--no-defaults", `--datadir=${data}`, "--skip-test-db"],
        "--auth-root-authentication-method=normal",
      ],
      { encoding: "utf8", cwd: "/" },
    );
    if (installed.status !== 0) throw new Error(`mariadb-install-db failed:\n${installed.stderr}`);
    const port = await freePort();
    const [program = "", ...args] = [
      ...account,
      ...["mariadbd", "--no-defaults", `--datadir=${data}`, `--port=${port}`],
      ...["--bind-address=127.0.0.1", `--socket=${folder}/socket`, `--pid-file=${folder}/pid`],
      ...[`--ssl-cert=${folder}/server.crt`, `--ssl-key=${folder}/server.key`],
      ...[`--ssl-ca=${folder}/server.cas`, "--require-secure-transport=ON"],
    ];
    const child = spawn(program, args, { cwd: "/", stdio: ["ignore", "ignore", "pipe"] });
    process.once("exit", () => child.kill("SIGKILL"));
    let log = "";
    await new Promise<void>((resolve, reject) => {
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        log += text;
        if (/ready for connections/.test(log)) resolve();
      });
      child.once("exit", () => reject(new Error(`MariaDB ended:\n${log}`)));
    });
    const server = new MariadbServer(folder, port, child);
    // The anonymous user of a new server comes before all others on this machine.
    server.admin(["DELETE FROM mysql.global_priv WHERE User = ''", "FLUSH PRIVILEGES", ...sql]);
    return server;
  }

  /** Runs statements as the administrator of the server, past everything. */
  admin(sql: readonly string[]): string {
    const ran = spawnSync(
      "mariadb",
      ["--no-defaults", `--socket=${this.#folder}/socket`, "-u", "root", "-N", "-e", sql.join(";")],
      { encoding: "utf8" },
    );
    if (ran.status !== 0) throw new Error(`mariadb failed:\n${ran.stderr}`);
    return ran.stdout.trim();
  }

  /** Stops it. */
  async stop(): Promise<void> {
    if (this.#child.exitCode === null) {
      const ended = once(this.#child, "exit");
      this.#child.kill("SIGTERM");
      await ended;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
