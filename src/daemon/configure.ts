/** `gatehouse configure`: prints a configuration file to start from, or checks one. */
import { hostname } from "node:os";
import type { Invocation } from "#cli/command.ts";
import { generateConfig } from "./config/generate.ts";
import { loadConfig } from "./config/load.ts";
import type { configure } from "./program.ts";

/** Runs the command. */
export async function run({ flags, console }: Invocation<typeof configure>): Promise<void> {
  if (flags.check !== undefined) {
    loadConfig(flags.check);
    console.print(`${flags.check} is a valid configuration.`);
    return;
  }
  const { clusterName, publicAddr, certFile, keyFile, proxy, token, caPin } = flags;
  const text = generateConfig({
    nodename: hostname(),
    ...(clusterName ? { clusterName } : {}),
    ...(publicAddr ? { publicAddr } : {}),
    ...(certFile ? { certFile } : {}),
    ...(keyFile ? { keyFile } : {}),
    ...(proxy ? { proxyServer: proxy } : {}),
    ...(token ? { token } : {}),
    ...(caPin ? { caPin } : {}),
  });
  console.print(text.trimEnd());
}
