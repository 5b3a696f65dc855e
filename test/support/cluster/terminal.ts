/** A program in a terminal, as a person sees it: what the screen showed so far, and keys to press. */
import { type IPty, spawn } from "@lydell/node-pty";

/** How long a person looks at a screen on which nothing appears. */
const patienceMs = 30_000;

/** What a terminal shows besides text: colours, titles, cursor keys (ECMA-48 sections 5.4 and 5.6). */
const controls = /\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[=>]/g;

/** A line that was taken back, as progress is: return to its beginning and erase it. */
const erased = /[^\n]*\r\x1b\[K/g;

/** A running program. */
export class Terminal {
  readonly #pty: IPty;
  readonly #ended: Promise<number>;
  #screen = "";
  #changed: PromiseWithResolvers<void> = Promise.withResolvers();
  #over = false;

  constructor(command: readonly [string, ...string[]], cwd: string, env: Record<string, string>) {
    const [program, ...args] = command;
    const options = { cwd, env, cols: 120, rows: 40, name: "xterm" };
    this.#pty = spawn(program, args, options);
    this.#pty.onData((text) => {
      this.#screen += text;
      this.#wake();
    });
    this.#ended = new Promise((resolve) => {
      this.#pty.onExit(({ exitCode }) => {
        this.#over = true;
        this.#wake();
        resolve(exitCode);
      });
    });
  }

  /** Everything that was shown, without control sequences. */
  get screen(): string {
    return this.#screen.replaceAll(erased, "").replaceAll(controls, "").replaceAll("\r", "");
  }

  /** Resolves when `pattern` is on the screen after position `from`; fails when the program ends without it. */
  async until(pattern: RegExp, from = 0): Promise<void> {
    if (await this.shows(pattern, from)) return;
    throw new Error(`${pattern} did not appear on:\n${this.screen}`);
  }

  /** True as soon as `pattern` is on the screen after position `from`; false when it never comes. */
  async shows(pattern: RegExp, from = 0): Promise<boolean> {
    const deadline = Date.now() + patienceMs;
    while (!pattern.test(this.screen.slice(from))) {
      const left = deadline - Date.now();
      if (this.#over || left <= 0) return false;
      const timer = setTimeout(() => this.#wake(), left);
      await this.#changed.promise;
      clearTimeout(timer);
    }
    return true;
  }

  /** Presses keys; `\r` is Enter. */
  type(keys: string): void {
    this.#pty.write(keys);
  }

  /** Changes the size of the window. */
  resize(columns: number, rows: number): void {
    this.#pty.resize(columns, rows);
  }

  /** Waits for the end, for so many ms; gives the exit code. */
  async end(patience = patienceMs): Promise<number> {
    const timer = setTimeout(() => this.#pty.kill("SIGKILL"), patience);
    const code = await this.#ended;
    clearTimeout(timer);
    return code;
  }

  /** Ends the program at once. */
  async kill(): Promise<void> {
    if (!this.#over) this.#pty.kill("SIGKILL");
    await this.#ended;
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
