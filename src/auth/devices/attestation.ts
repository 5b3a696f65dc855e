/** What the record of a device says about its TPM and its boots, for ceremonies and for administrators. */
import { hex } from "#base/bytes.ts";
import type { PcrTable } from "#devicetrust/device-facts.ts";
import type { DeviceCredential } from "#devicetrust/messages.ts";
import { parseAttestationKey } from "#tpm/attestation-key.ts";
import { algorithm, findHashOfApi } from "#tpm/constants.ts";
import type { Endorsement } from "#tpm/endorsement.ts";
import { claimForm, type PublicBytes } from "#tpm/forms.ts";
import type { DeviceRecord } from "./device-state.ts";

/** What to keep of an endorsement key. */
export function endorsementFacts({
  publicKeyHash,
  certificate: sent,
}: Endorsement): Pick<DeviceRecord, "endorsementHash" | "endorsementCertificate"> {
  if (sent === undefined) return { endorsementHash: publicKeyHash };
  const { certificate, manufacturer, model, version } = sent;
  return {
    endorsementHash: publicKeyHash,
    endorsementCertificate: {
      issuer: certificate.issuer,
      ...(manufacturer === undefined ? {} : { manufacturer }),
      ...(model === undefined ? {} : { model }),
      ...(version === undefined ? {} : { version }),
    },
  };
}

/** The hash that the device's TPM key signs with, as `node:crypto` calls it; undefined for other keys. */
export function signingHashOf({ tpmAkPublic }: Pick<DeviceCredential, "tpmAkPublic">) {
  if (tpmAkPublic.length === 0) return undefined;
  const key = parseAttestationKey(claimForm<PublicBytes>(tpmAkPublic), { allowSha1: true });
  return key.hash.name;
}

/** True for the keys that the cluster must have allowed by `allow_sha1_on_windows`. */
export function signsWithSha1(credential: Pick<DeviceCredential, "tpmAkPublic">): boolean {
  return signingHashOf(credential) === "sha1";
}

/** What `unchanged_pcrs` compares with. A record that is older than baselines has it in its evidence. */
export function baselineOf({ baseline, enrolled }: DeviceRecord): PcrTable | undefined {
  if (baseline !== undefined) return baseline;
  const pcrs = enrolled?.tpm_platform_attestation?.platform_parameters?.pcrs;
  return (
    pcrs &&
    Object.fromEntries(
      pcrs
        .filter((pcr) => findHashOfApi(pcr.digest_alg ?? 0)?.id === algorithm.sha256)
        .map(({ index, digest = "" }) => [index, hex(Buffer.from(digest, "base64"))]),
    )
  );
}
