/**
 * What is known of a device beyond what it says of itself: how far its TPM was proved, and what its firmware measured at
 * the last boot that the server saw. Pure functions of the inventory's document and of what its record keeps of a boot.
 *
 * A fact that was not proved is undefined: rules must not take it for good.
 */
import { hex } from "#base/bytes.ts";
import type { Device } from "#resource/device.ts";
import { algorithm } from "#tpm/constants.ts";
import type { SecureBootState } from "#tpm/secure-boot.ts";
import type { DeviceAttestationType } from "./messages.ts";
import type { EventLogVerdict, PlatformReport } from "./platform.ts";

/** Values of the SHA-256 bank by index, hexadecimal. */
export type PcrTable = Readonly<Record<number, string>>;

/** What the record keeps of one boot. The event log itself is not kept. */
export interface BootFacts {
  /** When the server judged it; ISO 8601. */
  readonly seen: string;
  readonly eventLog: EventLogVerdict;
  readonly unexplainedPcrs: readonly number[];
  readonly secureBoot: SecureBootState;
  /** What the firmware calls its version. */
  readonly firmware?: string;
  readonly pcrs: PcrTable;
}

/** What to keep of a verified report. */
export function bootFactsOf({ eventLog, pcrs }: PlatformReport, now: Date): BootFacts {
  const { verdict, unexplainedPcrs, secureBoot, firmware } = eventLog;
  const bank = pcrs.filter(({ hash }) => hash === algorithm.sha256);
  return {
    seen: now.toISOString(),
    eventLog: verdict,
    unexplainedPcrs,
    secureBoot,
    ...(firmware === undefined ? {} : { firmware }),
    pcrs: Object.fromEntries(bank.map(({ index, digest }) => [index, hex(digest)])),
  };
}

/**
 * How far it was proved where the device's key lives. `unspecified` is a bare key (Secure Enclave); undefined is a device
 * that is not enrolled.
 */
export function attestationTierOf({
  spec,
}: Pick<Device, "spec">): DeviceAttestationType | undefined {
  if (spec.enroll_status !== "enrolled" || spec.credential === undefined) return undefined;
  return spec.credential.device_attestation_type ?? "unspecified";
}

/**
 * Whether Secure Boot was on at the last boot that the device proved. Undefined when its event log was not sent, did not
 * lead to the quoted values, or leaves it open; and for devices without a TPM.
 */
export function secureBootOf({ boot }: { readonly boot?: BootFacts }): boolean | undefined {
  if (boot === undefined || boot.secureBoot === "unclear") return undefined;
  return boot.secureBoot === "on";
}
