/** `npm run check`: everything that can be checked without another program, in parallel where it helps. */
import { spawn } from "node:child_process";
import process from "node:process";

const bin = new URL("../node_modules/.bin/", import.meta.url).pathname;
const steps: readonly (readonly [name: string, command: string, ...args: string[]])[] = [
  ["types", `${bin}tsc`, "-p", "."],
  ["lint and format", `${bin}biome`, "check", "--error-on-warnings", "."],
  ["dead code", `${bin}knip`],
  ["unit tests, layers, limits", process.execPath, "tools/test.ts", "unit"],
];

/** Runs a step and gives its output when it failed. */
function runStep(command: string, args: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      env: { ...process.env, PATH: `${bin}:${process.env["PATH"]}` },
    });
    const output: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => output.push(chunk));
    child.on("error", (error) => resolve(error.message));
    child.on("exit", (code) => resolve(code === 0 ? undefined : Buffer.concat(output).toString()));
  });
}

let failed = 0;
for (const [name, command, ...args] of steps) {
  const started = performance.now();
  const output = await runStep(command, args);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  process.stdout.write(`${output === undefined ? "ok  " : "FAIL"}  ${name} (${seconds} s)\n`);
  if (output !== undefined) {
    failed++;
    process.stdout.write(`${output}\n`);
  }
}
process.exit(failed === 0 ? 0 : 1);
