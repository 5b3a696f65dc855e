/** What the cluster's settings say about device ceremonies. The deciding is done elsewhere; this reads the settings. */
import { effectiveClusterMode } from "#access/device-mode.ts";
import { Fault } from "#base/fault.ts";
import type { DeviceTrustPolicy } from "#devicetrust/enrollment.ts";
import type { ClusterAuthPreference } from "#resource/cluster-auth-preference.ts";
import { parseEndorsementAuthorities } from "#tpm/endorsement-chain.ts";
import type { AuthContext } from "../context.ts";
import { singletons } from "../store/stores.ts";

/** The settings of device trust as they are now. */
export interface DeviceTrustSettings {
  readonly policy: DeviceTrustPolicy;
  readonly off: boolean;
  readonly autoEnroll: boolean;
}

/** Reads the settings. A list of TPM makers that cannot be read accepts nobody: it throws. */
export async function readDeviceTrust(
  context: Pick<AuthContext, "stores">,
): Promise<DeviceTrustSettings> {
  const { authPreference, attestationPolicy } = context.stores;
  const { spec } = await authPreference.get(singletons.authPreference);
  const attestation = await attestationPolicy.get(singletons.attestationPolicy);
  const off = effectiveClusterMode(spec.device_trust?.mode) === "off";
  return {
    policy: {
      endorsementAuthorities: parseEndorsementAuthorities(
        spec.device_trust?.ekcert_allowed_cas ?? [],
      ),
      allowSha1OnWindows: attestation.spec.allow_sha1_on_windows,
      measuredBoot: attestation.spec.measured_boot,
    },
    off,
    autoEnroll: enrollsAutomatically(spec),
  };
}

/** Whether registered devices enrol without a token. */
export function enrollsAutomatically({
  device_trust: settings,
}: Pick<ClusterAuthPreference["spec"], "device_trust">): boolean {
  return effectiveClusterMode(settings?.mode) !== "off" && settings?.auto_enroll === true;
}

/** Refuses where the cluster has switched device trust off. */
export function assertDeviceTrustOn({ off }: DeviceTrustSettings): void {
  if (!off) return;
  throw new Fault("access-denied", "device trust is switched off in this cluster", {
    hint: "an administrator can switch it on: tctl edit cap, device_trust.mode",
    audit: { reason: "device_trust_off" },
  });
}
