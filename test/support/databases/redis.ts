/** A real Redis server of Debian for tests, which takes TLS with the certificates of agents and nothing else. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../free-port.ts";

/** A running server. */
export class RedisServer {
  readonly port: number;
  readonly #folder: string;
  readonly #child: ChildProcess;

  private constructor(folder: string, port: number, child: ChildProcess) {
    this.#folder = folder;
    this.port = port;
    this.#child = child;
  }

  /** Starts one with the files PATH.crt, PATH.key and PATH.cas, and with users as `ACL SETUSER` takes them. */
  static async start(certificates: string, users: readonly string[]): Promise<RedisServer> {
    const folder = mkdtempSync(join(tmpdir(), "gatehouse-redis-"));
    for (const ending of ["crt", "key", "cas"]) {
      copyFileSync(`${certificates}.${ending}`, join(folder, `server.${ending}`));
    }
    const port = await freePort();
    const settings = [
      "port 0",
      `tls-port ${port}`,
      "bind 127.0.0.1",
      'save ""',
      `dir ${folder}`,
      `tls-cert-file ${folder}/server.crt`,
      `tls-key-file ${folder}/server.key`,
      `tls-ca-cert-file ${folder}/server.cas`,
      "tls-auth-clients yes",
      ...users.map((user) => `user ${user}`),
    ];
    const file = join(folder, "redis.conf");
    writeFileSync(file, `${settings.join("\n")}\n`);
    const child = spawn("redis-server", [file], { stdio: ["ignore", "pipe", "inherit"] });
    process.once("exit", () => child.kill("SIGKILL"));
    let log = "";
    await new Promise<void>((resolve, reject) => {
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        log += text;
        if (log.includes("Ready to accept connections")) resolve();
      });
      child.once("exit", () => reject(new Error(`Redis ended:\n${log}`)));
    });
    return new RedisServer(folder, port, child);
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
