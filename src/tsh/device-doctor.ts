/** `tsh device doctor`: what keeps this machine from being a trusted device, and what mends it. */
import type { Console } from "#cli/console.ts";
import { printAs } from "#cli/output.ts";
import { describeOverrides } from "#client/device-state.ts";
import type { CheckResult } from "#client/doctor/check.ts";
import { examineDevice } from "#client/doctor/examine.ts";
import { findSelectedLogin, type TshInvocation } from "./context.ts";
import { showDeviceProgress } from "./device-progress.ts";
import type { deviceDoctor } from "./program.ts";

/** Makes every check, and prints a line for each. Exit code 1 when one found a problem. */
export async function run({
  flags,
  shared,
  console,
  services,
  signal,
}: TshInvocation<typeof deviceDoctor>): Promise<number> {
  const { env, agent, now } = services;
  const warning = describeOverrides(env);
  if (warning !== undefined) console.note(warning);
  const login = await findSelectedLogin(services, shared);
  const progress = showDeviceProgress(console, "Checking this machine");
  const { onTpmBusy } = progress;
  const results: CheckResult[] = [];
  try {
    for await (const result of examineDevice({ login, agent, now, signal, onTpmBusy })) {
      results.push(result);
      progress.update(`Checked: ${result.name}`);
    }
  } finally {
    progress.stop();
  }
  const healthy = results.every(({ outcome }) => outcome !== "problem");
  await printAs(console, flags.format, { healthy, checks: results }, () => {
    for (const result of results) printResult(console, result);
    for (const { name, hint } of results) {
      if (hint !== undefined) console.note(`hint: ${name}: ${hint}`);
    }
  });
  return healthy ? 0 : 1;
}

const outcomeWidth = 9;
const nameWidth = 21;

function printResult(console: Console, { name, outcome, message }: CheckResult): void {
  console.print(`${outcome.padEnd(outcomeWidth)}${name.padEnd(nameWidth)}${message}`);
}
