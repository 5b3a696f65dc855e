/** A server of its own in a test: `gatehouse start` in another process, which joins a cluster through its proxy. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkoutPrograms } from "./machine.ts";

const patienceMs = 30_000;

/** A running server. */
export class AgentHost {
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;
  #log = "";
  #changed: PromiseWithResolvers<void> = Promise.withResolvers();

  /** `folder` keeps its data; `config` is the text of its configuration file; `env` is added to its environment. */
  constructor(folder: string, config: string, env: Readonly<Record<string, string>> = {}) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const file = join(folder, "gatehouse.yaml");
    writeFileSync(file, config, { mode: 0o600 });
    const child = spawn(join(checkoutPrograms, "gatehouse"), ["start", `--config=${file}`], {
      cwd: folder,
      env: { PATH: process.env["PATH"], HOME: folder, LANG: "C.UTF-8", TZ: "UTC", ...env },
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#child = child;
    process.once("exit", () => child.kill("SIGKILL"));
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#log += text;
      this.#wake();
    });
    this.#ended = new Promise((resolve) => {
      child.once("exit", (code) => {
        resolve(code);
        this.#wake();
      });
    });
  }

  get log(): string {
    return this.#log;
  }

  /** Resolves with the position behind `text` in the log, from position `from` on; fails when it does not come in time. */
  async until(text: string, from = 0, patience = patienceMs): Promise<number> {
    const deadline = Date.now() + patience;
    for (;;) {
      const at = this.#log.indexOf(text, from);
      if (at >= 0) return at + text.length;
      const left = deadline - Date.now();
      if (left <= 0 || this.#child.exitCode !== null) {
        throw new Error(`"${text}" did not come in the log:\n${this.#log}`);
      }
      const timer = setTimeout(() => this.#wake(), left);
      await this.#changed.promise;
      clearTimeout(timer);
    }
  }

  /** Stops it; gives its exit code. */
  async stop(signal: NodeJS.Signals = "SIGINT"): Promise<number | null> {
    this.#child.kill(signal);
    return this.#ended;
  }

  /** Waits until it ends by itself. */
  end(): Promise<number | null> {
    return this.#ended;
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

/** A server that joins with the configuration that `tctl tokens add` prints, and reaches the proxy through this port. */
export async function joinThrough(
  cluster: { readonly folder: string; admin(...args: string[]): Promise<string> },
  nodename: string,
  port: number,
): Promise<AgentHost> {
  const folder = join(cluster.folder, nodename);
  const printed = await cluster.admin("tokens", "add", "--type=node");
  const start = printed.indexOf("version: v3");
  const config = printed
    .slice(start, printed.indexOf("\nThen run there", start))
    .replace(/^( *proxy_server:).*$/m, `$1 localhost:${port}`)
    .replace("teleport:\n", `teleport:\n  nodename: ${nodename}\n  data_dir: ${folder}\n`);
  return new AgentHost(folder, config);
}
