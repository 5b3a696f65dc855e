/** `gatehouse configure`: prints a configuration file to start from, or checks one. */
import { hostname } from "node:os";
import { Fault } from "#base/fault.ts";
import type { Invocation } from "#cli/command.ts";
import { formatFlagName } from "#cli/spelling.ts";
import { generateConfig } from "./config/generate.ts";
import { loadConfig, usualConfigFile } from "./config/load.ts";
import type { configure } from "./program.ts";

/** Runs the command. */
export async function run(invocation: Invocation<typeof configure>): Promise<void> {
  const { flags, console } = invocation;
  if (flags.check) return check(invocation);
  if (flags.config !== undefined) {
    throw new Fault("usage", "--config names a file to check, and --check is missing", {
      hint: `gatehouse configure --check --config=${flags.config}`,
    });
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

function check({ flags, console }: Invocation<typeof configure>): void {
  const { check: _, config: file = usualConfigFile, ...others } = flags;
  const [extra] = Object.entries(others).find(([, value]) => value !== undefined) ?? [];
  if (extra !== undefined) {
    throw new Fault("usage", `--check writes no file, so ${formatFlagName(extra)} says nothing`);
  }
  loadConfig(file);
  console.print(`${file} is a valid configuration.`);
}
