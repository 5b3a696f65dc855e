/**
 * Commands that must start fast and need neither flags nor the network: `tsh version` and `tsh status` as they are. They
 * load no command engine, no TLS and no crypto. Whatever is out of the ordinary is left to the engine.
 */
import { versionLine } from "#base/version.ts";
import { writeNow } from "#cli/write-now.ts";

/** Runs the words if they have a short cut; gives the exit code, or undefined for the engine to run them. */
export async function runShortcut(
  words: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<number | undefined> {
  if (words.length !== 1) return undefined;
  if (words[0] === "version") return writeNow(`${versionLine()}\n`);
  if (words[0] === "status" && !env["TELEPORT_PROXY"]) return showStatus(env);
  return undefined;
}

async function showStatus(env: NodeJS.ProcessEnv): Promise<number | undefined> {
  const [{ findStatus, printStatus }, { agentPlace }, { profileFolder }] = await Promise.all([
    import("./status-block.ts"),
    import("#client/agent/place.ts"),
    import("#client/profile/paths.ts"),
  ]);
  const folder = profileFolder(env);
  const now = new Date();
  try {
    const { active, others } = await findStatus(folder, agentPlace(folder, env).id, now, undefined);
    if (active === undefined || Date.parse(active.validUntil) <= now.getTime()) return undefined;
    let text = "";
    const print = (line = "") => {
      text += `${line}\n`;
    };
    printStatus({ print }, active, now, true);
    for (const other of others) printStatus({ print }, other, now, false);
    return writeNow(text);
  } catch {
    // The engine meets the same failure and explains it.
    return undefined;
  }
}
