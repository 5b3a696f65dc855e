/** Labels of a server or another resource: those of the configuration, and those that commands of the configuration find out. */
import { execFile } from "node:child_process";
import type { Closable } from "#base/lifecycle.ts";
import type { Logger } from "#base/log.ts";

/** A label whose value a command prints. */
export interface CommandLabel {
  readonly name: string;
  /** A program and its arguments; no shell. */
  readonly command: readonly string[];
  readonly periodMs: number;
}

const bounds = { timeoutMs: 10_000, leastPeriodMs: 1000, output: 4096, value: 256 };

/** The labels, kept fresh until closed. */
export class LiveLabels implements Closable {
  readonly #fixed: Readonly<Record<string, string>>;
  readonly #commands: readonly CommandLabel[];
  readonly #log: Logger;
  readonly #results = new Map<string, string>();
  readonly #timers: NodeJS.Timeout[] = [];
  /** Called when a value becomes another one. */
  onChange: () => void = () => {};
  #all: Readonly<Record<string, string>>;

  private constructor(
    fixed: Readonly<Record<string, string>>,
    commands: readonly CommandLabel[],
    log: Logger,
  ) {
    this.#fixed = fixed;
    this.#commands = commands;
    this.#log = log;
    this.#all = fixed;
  }

  /** Runs every command once, then by its period. */
  static async open(
    fixed: Readonly<Record<string, string>>,
    commands: readonly CommandLabel[],
    log: Logger,
  ): Promise<LiveLabels> {
    const labels = new LiveLabels(fixed, commands, log);
    await Promise.all(commands.map((label) => labels.#refresh(label)));
    for (const label of commands) {
      const period = Math.max(label.periodMs, bounds.leastPeriodMs);
      const timer = setInterval(() => void labels.#refresh(label), period);
      labels.#timers.push(timer.unref());
    }
    return labels;
  }

  /** All labels, as decisions see them. A label of the configuration cannot be overridden by a command. */
  get all(): Readonly<Record<string, string>> {
    return this.#all;
  }

  get fixed(): Readonly<Record<string, string>> {
    return this.#fixed;
  }

  /** The commands with their last result. */
  get dynamic(): readonly (CommandLabel & { readonly result: string })[] {
    return this.#commands.map((label) => ({
      ...label,
      result: this.#results.get(label.name) ?? "",
    }));
  }

  close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    return Promise.resolve();
  }

  async #refresh({ name, command }: CommandLabel): Promise<void> {
    const [file = "", ...args] = command;
    const result = await new Promise<string | undefined>((resolve) => {
      const options = { timeout: bounds.timeoutMs, maxBuffer: bounds.output };
      execFile(file, args, options, (error, stdout) => {
        if (error) this.#log.warn("the command of a label failed", { label: name, error });
        resolve(error ? undefined : stdout.trim().slice(0, bounds.value));
      });
    });
    // A command that fails leaves no value: an old one might grant what no longer holds.
    const value = result ?? "";
    if (this.#results.get(name) === value) return;
    this.#results.set(name, value);
    this.#all = { ...Object.fromEntries(this.#results), ...this.#fixed };
    this.onChange();
  }
}
