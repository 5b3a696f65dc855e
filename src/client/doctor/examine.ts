/** Every check of this machine, in the order in which one builds on the other. */
import { systemRandom } from "#base/random.ts";
import { thisPlatform } from "../ceremony/this-device.ts";
import { selectTpm } from "../device/tpm-selection.ts";
import { deviceKeyFile } from "../device-state.ts";
import type { CheckResult } from "./check.ts";
import { type ClusterChecksOptions, checkCluster } from "./cluster-checks.ts";

/** Makes the checks one after the other. Throws `usage` when the environment names no TPM. */
export async function* examineDevice(options: ClusterChecksOptions): AsyncGenerator<CheckResult> {
  let deviceKey: CheckResult["outcome"] = "skipped";
  for await (const result of await checkKeyHolder(options)) {
    if (result.name === "device key") deviceKey = result.outcome;
    yield result;
  }
  yield* checkCluster(options, deviceKey);
}

/** The checks of what holds the key on this system; the last word about the key is the result "device key". */
async function checkKeyHolder({
  agent: { env },
  onTpmBusy,
}: ClusterChecksOptions): Promise<AsyncGenerator<CheckResult>> {
  const { osType } = await thisPlatform();
  const keyFile = deviceKeyFile(env);
  if (osType === "macos") {
    const { checkEnclave } = await import("./enclave-checks.ts");
    const { enclaveHelper } = await import("../device/macos/enclave-helper.ts");
    return checkEnclave({ helper: enclaveHelper(env), keyFile, random: systemRandom });
  }
  const { checkTpm } = await import("./tpm-checks.ts");
  const tpm = selectTpm(env, osType === "windows" ? "windows" : "linux");
  const eventLogFile = env["GATEHOUSE_EVENT_LOG"] || undefined;
  return checkTpm({
    tpm,
    eventLogFile,
    keyFile,
    random: systemRandom,
    port: { onBusy: onTpmBusy },
  });
}
