/** What the commands about TPMs and boots need from the cluster. `api-attestation.ts` does it over our own API. */
import type { AttestationPolicy } from "#resource/attestation-policy.ts";

/** One demand of a measured-boot rule that a device does not meet. */
export interface BootFinding {
  readonly rule: string;
  readonly mode: string;
  /** Machine-readable, as in audit events. */
  readonly reason: string;
  readonly why: string;
}

/** An enrolled device that would not satisfy a policy. */
export interface FailingDevice {
  readonly id: string;
  readonly assetTag: string;
  readonly osType: string;
  readonly owner: string;
  readonly findings: readonly BootFinding[];
  /** When its evidence is from; undefined when nothing is known of it. */
  readonly seen: Date | undefined;
}

/** What a policy would do to the enrolled devices. Each is counted once, by the gravest outcome. */
export interface BootSimulation {
  readonly devices: readonly FailingDevice[];
  readonly totals: Readonly<
    Record<"enrolled" | "refused" | "reported" | "satisfied" | "unconcerned", number>
  >;
}

/** A boot that the TPM of a device proved. */
export interface DeviceBoot {
  readonly seen: Date | undefined;
  readonly eventLog: string;
  readonly unexplainedPcrs: readonly number[];
  readonly secureBoot: string;
  /** Empty when unknown. */
  readonly firmware: string;
  /** SHA-256 values in hexadecimal, by PCR. */
  readonly pcrs: Readonly<Record<number, string>>;
}

/** A TPM by which a device may be known before it enrolls; empty for any. */
export interface EndorsementBinding {
  readonly keyHash: string;
  readonly certificateSerial: string;
}

/** What is known of the TPM and the boots of a device. Texts are empty where nothing is known. */
export interface DeviceAttestation {
  readonly assetTag: string;
  readonly osType: string;
  readonly attestationType: string;
  readonly signingHash: string;
  /** Undefined for a device that is not enrolled with a TPM. */
  readonly endorsement:
    | (EndorsementBinding & {
        readonly issuer: string;
        readonly manufacturer: string;
        readonly model: string;
        readonly firmwareVersion: string;
      })
    | undefined;
  readonly bound: EndorsementBinding;
  readonly lastBoot: DeviceBoot | undefined;
  /** The boot for which the device was refused since its last success. */
  readonly refusedBoot: DeviceBoot | undefined;
  /** What `unchanged_pcrs` compares with. */
  readonly baseline: Readonly<Record<number, string>>;
}

/** What can be asked and done. Each throws `not-found` for an unknown device. */
export interface AttestationCalls {
  /** Changes nothing. */
  simulateMeasuredBoot(policy: AttestationPolicy): Promise<BootSimulation>;
  deviceAttestation(deviceId: string): Promise<DeviceAttestation>;
  /** Makes the newest boot of the device the one that `unchanged_pcrs` compares with. */
  approveBoot(deviceId: string): Promise<DeviceAttestation>;
  bindEndorsementKey(deviceId: string, binding: EndorsementBinding): Promise<DeviceAttestation>;
}
