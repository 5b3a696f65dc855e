/** Runs the person's editor. */
import { spawn } from "node:child_process";
import { Fault } from "#base/fault.ts";
import type { Console } from "#cli/console.ts";

/**
 * Opens `file` in `$TELEPORT_EDITOR`, `$VISUAL`, `$EDITOR` or vi, and waits until it is closed. The variable may
 * carry arguments ("code --wait"). Throws `environment` when the editor cannot be started or fails.
 */
export async function runEditor(file: string, console: Console): Promise<void> {
  const { env } = console;
  const command = env["TELEPORT_EDITOR"] || env["VISUAL"] || env["EDITOR"] || "vi";
  const hint = "name your editor in $EDITOR, for example: export EDITOR=nano";
  // The variable is a piece of shell, by convention; the file name is passed as a parameter, never as shell text.
  // The trap keeps the shell alive when the editor catches Ctrl-C; the editor does not inherit it.
  const child = spawn("/bin/sh", ["-c", `trap : INT; ${command} "$1"`, "sh", file], {
    stdio: "inherit",
    cwd: console.cwd,
    env: env as NodeJS.ProcessEnv,
  });
  // Ctrl-C in an editor belongs to the editor, but the terminal sends it to both.
  const listeners = process.listeners("SIGINT");
  const ignore = () => undefined;
  process.removeAllListeners("SIGINT").on("SIGINT", ignore);
  const ended = await new Promise<number | NodeJS.Signals>((resolve, reject) => {
    child.once("error", (error) =>
      reject(new Fault("environment", `cannot start ${command}`, { hint, cause: error })),
    );
    child.once("exit", (code, signal) => resolve(signal ?? code ?? 1));
  }).finally(() => {
    process.off("SIGINT", ignore);
    for (const listener of listeners) process.on("SIGINT", listener);
  });
  if (ended === 0) return;
  const how = typeof ended === "number" ? `with exit code ${ended}` : `by signal ${ended}`;
  throw new Fault("environment", `the editor "${command}" ended ${how}`, { hint });
}
