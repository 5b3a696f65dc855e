/** Databases of a cluster in tests: the configuration of an agent, a local end that tsh holds open, and events. */
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import type { Machine } from "../cluster/machine.ts";
import type { Cluster } from "../cluster.ts";

/** A database of an agent. */
export interface TestDatabase {
  readonly name: string;
  readonly protocol: string;
  readonly uri: string;
  /** Value of its label. */
  readonly env: string;
}

/**
 * The configuration that `tctl tokens add` prints, with a name, a folder and databases of a test; databases of
 * administrators are served that have the label `served: here`.
 */
export async function databaseAgentConfig(
  cluster: Cluster,
  name: string,
  databases: readonly TestDatabase[],
): Promise<string> {
  const printed = await cluster.admin("tokens", "add", "--type=db");
  const start = printed.indexOf("version: v3");
  const rows = databases.map(
    (each) =>
      `  - name: ${each.name}\n    protocol: ${each.protocol}\n    uri: ${each.uri}\n    static_labels: {env: ${each.env}}\n`,
  );
  return printed
    .slice(start, printed.indexOf("\nThen run there", start))
    .replace(
      "teleport:\n",
      `teleport:\n  nodename: ${name}\n  data_dir: ${join(cluster.folder, name)}\n`,
    )
    .replace(
      /db_service:[\s\S]*/,
      `db_service:\n  resources:\n  - labels: {served: here}\n  databases:\n${rows.join("")}`,
    );
}

/** The events of a type, oldest first, once there are `least` of them. */
export async function databaseEvents(
  cluster: Cluster,
  type: string,
  least: number,
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  for (;;) {
    const printed = await cluster.admin(
      "audit",
      "ls",
      `--kind=${type}`,
      "--limit=1000",
      "--format=json",
    );
    const events = JSON.parse(printed) as Readonly<Record<string, unknown>>[];
    if (events.length >= least) return events.reverse();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** `tsh proxy db` in a process. */
export class LocalEnd {
  readonly port: number;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  /** Opens one on the machine for a database that the person has logged in to. */
  static async open(machine: Machine, ...args: readonly string[]): Promise<LocalEnd> {
    const child = spawn("tsh", ["proxy", "db", ...args], {
      env: machine.env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    process.once("exit", () => child.kill("SIGKILL"));
    let text = "";
    const port = await new Promise<number>((resolve, reject) => {
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding("utf8").on("data", (chunk: string) => {
          text += chunk;
          const found = /on 127\.0\.0\.1:(\d+)\./.exec(text)?.[1];
          if (found !== undefined) resolve(Number(found));
        });
      }
      child.once("exit", () => reject(new Error(`tsh proxy db ended:\n${text}`)));
    });
    return new LocalEnd(child, port);
  }

  /** Ends it as Ctrl-C does. */
  async close(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGINT");
    await ended;
  }
}
