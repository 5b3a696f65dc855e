/** Runs commands of tsh in this process against a fake cluster: memory console, streams in memory, no agent process. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Writable } from "node:stream";
import { runProgram } from "#cli/run.ts";
import { agentPlace } from "#client/agent/place.ts";
import type { StoredLogin } from "#client/profile/logins.ts";
import { saveLogin } from "#client/profile/store.ts";
import type { Stdio, TshServices } from "#tsh/context.ts";
import { tsh } from "#tsh/program.ts";
import { createMemoryConsole } from "../cli/memory-console.ts";
import { type FakeCluster, type FakeClusterOptions, startFakeCluster } from "./fake-cluster.ts";

/** What a command did. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A person's machine, logged in to a fake cluster as alice. */
export interface TestHome {
  readonly cluster: FakeCluster;
  readonly folder: string;
  readonly services: TshServices;
  readonly login: StoredLogin;
  /** Runs the words behind "tsh". `stdin` is what the remote program, or the prompts, read. */
  run(words: readonly string[], options?: { stdin?: string | Uint8Array }): Promise<Ran>;
  close(): Promise<void>;
}

/** Makes one. */
export async function startTestHome(
  options: FakeClusterOptions & { env?: Record<string, string> } = {},
): Promise<TestHome> {
  const cluster = await startFakeCluster(options);
  const home = mkdtempSync(join(tmpdir(), "tsh-"));
  const folder = join(home, ".tsh");
  const env = {
    USER: "alice",
    XDG_RUNTIME_DIR: home,
    XDG_STATE_HOME: join(home, "state"),
    GATEHOUSE_DMI_DIR: home,
    ...options.env,
  };
  const login = await saveLogin(
    folder,
    cluster.document,
    cluster.credentials(),
    cluster.authorities,
  );
  let stdio: Stdio;
  const services: TshServices = {
    env,
    folder,
    agent: { place: agentPlace(folder, env), command: undefined, env },
    program: ["/usr/local/bin/tsh"],
    now: () => new Date(),
    stdio: () => stdio,
  };
  return {
    cluster,
    folder,
    services,
    login,
    async run(words, { stdin = "" } = {}) {
      const [input, output, errors] = [new PassThrough(), new Collector(), new Collector()];
      input.end(stdin);
      stdio = { stdin: input, stdout: output, stderr: errors } as unknown as Stdio;
      const text = typeof stdin === "string" ? stdin : "";
      const console = createMemoryConsole({ stdin: text, env: services.env });
      const code = await runProgram(
        tsh(() => services),
        words,
        console,
      );
      return {
        code,
        stdout: output.text + console.stdout(),
        stderr: errors.text + console.stderr(),
      };
    },
    async close() {
      await cluster.close();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** Keeps what is written. Like a stream of the process it is done with a chunk when it calls back, whose memory is then gone. */
class Collector extends Writable {
  readonly #chunks: Buffer[] = [];

  get text(): string {
    return Buffer.concat(this.#chunks).toString("utf8");
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    this.#chunks.push(Buffer.from(chunk));
    done();
  }
}
