/** `gatehouse start`: runs until it is told to stop. */
import { existsSync } from "node:fs";
import type { Invocation } from "#cli/command.ts";
import { loadConfig, usualConfigFile } from "./config/load.ts";
import { openLogger } from "./logger.ts";
import { startProcess } from "./process.ts";
import type { start } from "./program.ts";
import { stopRequested } from "./signals.ts";

/** Runs the command. */
export async function run({ flags, signal }: Invocation<typeof start>): Promise<void> {
  const file = flags.config ?? (existsSync(usualConfigFile) ? usualConfigFile : undefined);
  const config = loadConfig(file, flags.dataDir);
  const logger = openLogger(config.log);
  const running = await startProcess(config, logger);
  logger.info("ready", { cluster: running.clusterName, proxy: running.publicAddress });
  await stopRequested(signal);
  logger.info("stopping");
  await running.close();
}
