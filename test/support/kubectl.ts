/** Runs kubectl, with nothing of this machine's own configuration. */
import { type ChildProcess, spawn } from "node:child_process";
import { dirname } from "node:path";

/** What a run gave. */
export interface KubectlRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** One kubeconfig, and the program that speaks with it. */
export class Kubectl {
  readonly #kubeconfig: string;
  readonly #program: string;
  readonly #env: Readonly<Record<string, string>>;

  constructor(kubeconfig: string, program = "kubectl", env: Readonly<Record<string, string>> = {}) {
    this.#kubeconfig = kubeconfig;
    this.#program = program;
    this.#env = env;
  }

  /** Begins a run. */
  start(...args: readonly string[]): ChildProcess {
    const { PATH = "" } = process.env;
    return spawn(this.#program, [`--kubeconfig=${this.#kubeconfig}`, ...args], {
      env: { PATH, HOME: dirname(this.#kubeconfig), ...this.#env },
      stdio: ["pipe", "pipe", "pipe"],
    });
  }

  /** Runs to the end, with nothing to read. */
  run(...args: readonly string[]): Promise<KubectlRun> {
    return this.feed("", ...args);
  }

  /** Runs to the end with `input` to read. */
  feed(input: string | Uint8Array, ...args: readonly string[]): Promise<KubectlRun> {
    const child = this.start(...args);
    child.stdin?.on("error", () => {});
    child.stdin?.end(input);
    let stdout = "";
    let stderr = "";
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    return new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code) => resolve({ code, stdout, stderr }));
    });
  }
}
