/** The PCR banks that evidence is made of. */
import { Fault } from "#base/fault.ts";
import type { TpmClient } from "#tpm/client.ts";
import { readPcrBanks } from "#tpm/commands/capabilities.ts";
import { algorithm } from "#tpm/constants.ts";

/** Those of the wanted banks that are on. Throws `environment` when SHA-256, without which nothing is proved, is off. */
export async function findPcrBanks(tpm: TpmClient, wanted: readonly number[]): Promise<number[]> {
  const active = (await tpm.run(readPcrBanks())).filter(({ pcrs }) => pcrs.length > 0);
  const banks = wanted.filter((hash) => active.some((bank) => bank.hash === hash));
  if (!banks.includes(algorithm.sha256)) {
    throw new Fault("environment", "the SHA-256 PCR bank of this TPM is off", {
      hint: "switch it on in the firmware setup, or: sudo tpm2_pcrallocate sha256:all and restart",
    });
  }
  return banks;
}
