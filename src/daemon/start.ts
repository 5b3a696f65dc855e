/** `gatehouse start`: runs until it is told to stop. */
import { existsSync } from "node:fs";
import type { Invocation } from "#cli/command.ts";
import { loadConfig, usualConfigFile } from "./config/load.ts";
import { openLogger } from "./logger.ts";
import { startProcess } from "./process.ts";
import type { start } from "./program.ts";
import { stopRequested } from "./signals.ts";

/** Waits until the process is told to stop, or has nothing more to do. Throws what that ended with. */
async function stopOrEnd(signal: AbortSignal, ended: Promise<unknown> | undefined): Promise<void> {
  if (ended === undefined) return stopRequested(signal);
  const over = new AbortController();
  ended.then(
    () => over.abort(),
    () => over.abort(),
  );
  await stopRequested(AbortSignal.any([signal, over.signal]));
  if (over.signal.aborted) await ended;
}

/** Runs the command. */
export async function run({ flags, signal }: Invocation<typeof start>): Promise<void> {
  const file = flags.config ?? (existsSync(usualConfigFile) ? usualConfigFile : undefined);
  const config = loadConfig(file, flags.dataDir);
  const logger = openLogger(config.log);
  const running = await startProcess(config, logger);
  logger.info("ready", { cluster: running.clusterName, proxy: running.publicAddress });
  try {
    await stopOrEnd(signal, running.ended);
  } finally {
    logger.info("stopping");
    await running.close();
  }
}
