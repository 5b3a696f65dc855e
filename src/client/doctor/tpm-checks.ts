/** The checks of the TPM: each does what an enrolment or a login does with it, and changes nothing. */
import type { Random } from "#base/random.ts";
import type { TpmClient } from "#tpm/client.ts";
import { readPcrBanks } from "#tpm/commands/capabilities.ts";
import { algorithm } from "#tpm/constants.ts";
import { readAttestationKey } from "../device/attestation-key-file.ts";
import { readEventLogOf } from "../device/event-log.ts";
import { isMissingEventLog } from "../device/event-log-file.ts";
import { openTpm, type TpmPort } from "../device/open-tpm.ts";
import { findPcrBanks } from "../device/pcr-banks.ts";
import { TpmAuthenticator } from "../device/tpm-authenticator.ts";
import { withEndorsementKey, withStorageRoot } from "../device/tpm-keys.ts";
import type { TpmSelection } from "../device/tpm-selection.ts";
import { type CheckResult, check } from "./check.ts";

/** Which TPM, and how it is reached. */
export interface TpmChecksOptions {
  readonly tpm: TpmSelection;
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
  yield await checkEventLog(options, client !== undefined);
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
      await device.authenticate({ kind: "tpm", attestationNonce: random(32) });
      return { ok: `the TPM signs with credential ${await device.findCredentialId()}` };
    } finally {
      await device.close();
    }
  });
}

function checkEventLog({ tpm, readLog }: TpmChecksOptions, usable: boolean): Promise<CheckResult> {
  return check("event log", async () => {
    if (!usable) return unusable;
    try {
      const log = await readEventLogOf(tpm, readLog);
      return { ok: `${log.length} bytes` };
    } catch (error) {
      if (!isMissingEventLog(error)) throw error;
      return { skipped: error.message, hint: error.hint };
    }
  });
}

function placeOf(tpm: TpmSelection): string {
  if (tpm.kind === "tbs") return "the TPM Base Services";
  return tpm.kind === "tcp" ? `${tpm.host}:${tpm.port}` : tpm.path;
}
