/**
 * The part of tsh behind the short cuts: the command engine and the agent process. A module of its own, so that a build
 * can put it into a file that fast commands never read.
 */
import { endProcess } from "#cli/end-process.ts";
import { runMain } from "#cli/main.ts";
import { openServices } from "./context.ts";
import { tsh } from "./program.ts";

/** The word that makes this program the agent. No command can have it. */
const agentWord = "--agent-process";

/** Runs the process's words; when it resolves, the process is about to end. */
export async function runEngine(words: readonly string[]): Promise<void> {
  if (words[0] === agentWord) {
    const { runAgentProcess } = await import("#client/agent/process.ts");
    endProcess(await runAgentProcess(process.env));
    return;
  }
  const entry = process.argv[1] ?? "tsh";
  const self = [process.execPath, entry] as const;
  await runMain(tsh(() => openServices(process.env, launcher() ?? self, [...self, agentWord])));
}

/** The script that called us, if it said so; it finds the right Node also after an update. */
function launcher(): readonly string[] | undefined {
  const script = process.env["GATEHOUSE_LAUNCHER"];
  return script ? [script] : undefined;
}
