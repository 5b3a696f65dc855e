/** The checks of the TPM: each does what an enrollment or a login does with it, and changes nothing. */
import type { Random } from "#base/random.ts";
import type { TpmClient } from "#tpm/client.ts";
import { readPcrBanks } from "#tpm/commands/capabilities.ts";
import { algorithm } from "#tpm/constants.ts";
import type { PcrValue } from "#tpm/quote.ts";
import { readAttestationKey } from "../device/attestation-key-file.ts";
import type { EventLogPlace } from "../device/event-log.ts";
import { openTpm, type TpmPort } from "../device/open-tpm.ts";
import { findPcrBanks } from "../device/pcr-banks.ts";
import { TpmAuthenticator } from "../device/tpm-authenticator.ts";
import { withEndorsementKey, withStorageRoot } from "../device/tpm-keys.ts";
import type { TpmSelection } from "../device/tpm-selection.ts";
import { type CheckResult, check } from "./check.ts";
import { checkEventLog } from "./event-log-check.ts";

/** Which TPM, and how it is reached. */
export interface TpmChecksOptions extends EventLogPlace {
  readonly keyFile: string;
  readonly random: Random;
  readonly port?: TpmPort;
  /** Reads the kernel's event log. */
  readonly readLog?: (path: string) => Promise<Uint8Array>;
}

const unusable = { skipped: "the TPM cannot be used" } as const;

/** Checks in the order in which a login needs them. */
export async function* checkTpm(options: TpmChecksOptions): AsyncGenerator<CheckResult> {
  let tpm: TpmClient | undefined;
  let pcrs: readonly PcrValue[] = [];
  const opened = await check("TPM", async () => {
    tpm = await openTpm(options.tpm, options.port);
    // A TPM of another kind opens as well; its first answer shows it.
    await tpm.run(readPcrBanks());
    return { ok: `a TPM 2.0 answers at ${placeOf(options.tpm)}` };
  });
  yield opened;
  const client = opened.outcome === "ok" ? tpm : undefined;
  try {
    yield await check("PCR banks", async () => {
      if (client === undefined) return unusable;
      await findPcrBanks(client, [algorithm.sha256]);
      pcrs = await client.readBank(algorithm.sha256);
      return { ok: "SHA-256 is on" };
    });
    yield await check("TPM hierarchies", async () => {
      if (client === undefined) return unusable;
      const certified = await withEndorsementKey(client, async ({ certificate }) => certificate);
      await withStorageRoot(client, async () => undefined, { keep: false });
      const endorsement = certified ? "with a certificate of its maker" : "without a certificate";
      return { ok: `endorsement (${endorsement}) and storage are on` };
    });
  } finally {
    // A virtual TPM serves one connection; the next check opens its own.
    await tpm?.close();
  }
  yield await checkDeviceKey(options, client !== undefined);
  if (client === undefined)
    yield { name: "event log", outcome: "skipped", message: unusable.skipped };
  else yield await checkEventLog(options, pcrs, options.readLog);
}

/** Signs a nonce of our own with the device's key, as a login does with the cluster's. */
function checkDeviceKey(options: TpmChecksOptions, usable: boolean): Promise<CheckResult> {
  return check("device key", async () => {
    const { tpm, keyFile, random, port } = options;
    if ((await readAttestationKey(keyFile)) === undefined) {
      return { skipped: "this machine holds no key: it was not enrolled from this account" };
    }
    if (!usable) return unusable;
    const device = new TpmAuthenticator({ tpm, keyFile, random, ...port });
    try {
      // First what leaves nothing in a TPM that was cleared.
      await device.check();
      await device.authenticate({ kind: "tpm", attestationNonce: random(32) });
      return { ok: `the TPM signs with credential ${await device.findCredentialId()}` };
    } finally {
      await device.close();
    }
  });
}

function placeOf(tpm: TpmSelection): string {
  if (tpm.kind === "tbs") return "the TPM Base Services";
  return tpm.kind === "tcp" ? `${tpm.host}:${tpm.port}` : tpm.path;
}
