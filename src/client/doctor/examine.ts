/** Every check of this machine, in the order in which one builds on the other. */
import { systemRandom } from "#base/random.ts";
import { parseTpmSelection } from "../device/tpm-selection.ts";
import { deviceKeyFile } from "../device-state.ts";
import type { CheckResult } from "./check.ts";
import { type ClusterChecksOptions, checkCluster } from "./cluster-checks.ts";
import { checkTpm } from "./tpm-checks.ts";

/** Makes the checks one after the other. Throws `usage` when the environment names no TPM. */
export async function* examineDevice(options: ClusterChecksOptions): AsyncGenerator<CheckResult> {
  const { env } = options.agent;
  const tpm = parseTpmSelection(env["GATEHOUSE_TPM"]);
  const port = { onBusy: options.onTpmBusy };
  let deviceKey: CheckResult["outcome"] = "skipped";
  for await (const result of checkTpm({
    ...{ tpm, port, keyFile: deviceKeyFile(env), random: systemRandom },
  })) {
    if (result.name === "device key") deviceKey = result.outcome;
    yield result;
  }
  yield* checkCluster(options, deviceKey);
}
