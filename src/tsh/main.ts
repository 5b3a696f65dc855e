/**
 * Where tsh starts. Two commands that need neither flags nor the network take a short cut past the command engine, and
 * the background agent is this same program under a word of its own.
 */
import { versionLine } from "#base/version.ts";

/** The word that makes this program the agent. No command can have it. */
const agentWord = "--agent-process";

void main(process.argv.slice(2));

async function main(words: readonly string[]): Promise<void> {
  const [first, ...others] = words;
  if (first === "version" && others.length === 0) {
    process.stdout.write(`${versionLine()}\n`);
    return;
  }
  if (first === agentWord) {
    const { runAgentProcess } = await import("#client/agent/process.ts");
    process.exit(await runAgentProcess(process.env));
  }
  const { runMain } = await import("#cli/main.ts");
  const { tsh } = await import("./program.ts");
  const { openServices } = await import("./context.ts");
  const entry = process.argv[1] ?? "tsh";
  await runMain(
    tsh(() => openServices(process.env, launcher(entry), [process.execPath, entry, agentWord])),
  );
}

/** How other programs call us: the launcher that called us, or the file itself. */
function launcher(entry: string): string {
  return process.env["GATEHOUSE_LAUNCHER"] || entry;
}
