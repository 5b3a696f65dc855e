/** What an administrator asks and says about the TPM and the boots of one device. Permissions were checked by the caller. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Fault } from "#base/fault.ts";
import type { BootFacts } from "#devicetrust/device-facts.ts";
import { attestationTierOf } from "#devicetrust/device-facts.ts";
import type { EndorsementBinding } from "#devicetrust/enrollment.ts";
import type { BootFactsSchema, DeviceAttestationSchema } from "#gen/gatehouse/v1/attestation_pb.ts";
import type { AuthContext } from "../context.ts";
import type { AuthCall } from "../grpc/guard.ts";
import { baselineOf, signingHashOf } from "./attestation.ts";
import type { DeviceState } from "./device-state.ts";
import { readCredential } from "./enroll.ts";
import { callerFields, deviceFields } from "./events.ts";
import type { DeviceInventory } from "./inventory.ts";

/** What the acts work with. */
export interface AttestationActs {
  readonly context: Pick<AuthContext, "audit">;
  readonly inventory: DeviceInventory;
}

/** Makes the newest boot that the device showed the one that `unchanged_pcrs` compares with. */
export function approveBoot(
  acts: AttestationActs,
  call: AuthCall,
  id: string,
): Promise<DeviceState> {
  let message = "";
  return change(
    acts,
    call,
    id,
    () => message,
    (state) => {
      const { device, record } = state;
      const { refusedBoot, ...kept } = record;
      const boot = refusedBoot ?? record.boot;
      if (device.spec.enroll_status !== "enrolled" || boot === undefined) {
        throw new Fault("invalid", "the device has shown no boot that could be approved", {
          hint: "it shows one whenever it authenticates: tsh login",
        });
      }
      message = `the boot of ${boot.seen} was approved`;
      return { device, record: { ...kept, boot, baseline: boot.pcrs } };
    },
  );
}

/** Binds the record to a TPM, or to none. What is already enrolled stays enrolled: the binding counts at enrollments. */
export function bindEndorsementKey(
  acts: AttestationActs,
  call: AuthCall,
  id: string,
  binding: { readonly keyHash: string; readonly certificateSerial: string },
): Promise<DeviceState> {
  const bound = readBinding(binding);
  const message = bound
    ? `bound to the TPM ${[bound.keyHash, bound.certificateSerial].filter(Boolean).join(" ")}`
    : "bound to no TPM";
  return change(
    acts,
    call,
    id,
    () => message,
    ({ device, record }) => {
      const { boundEndorsement: _, ...kept } = record;
      return { device, record: bound ? { ...kept, boundEndorsement: bound } : kept };
    },
  );
}

function readBinding({
  keyHash,
  certificateSerial,
}: {
  readonly keyHash: string;
  readonly certificateSerial: string;
}): EndorsementBinding | undefined {
  if (keyHash !== "" && !/^[0-9a-f]{64}$/.test(keyHash)) {
    throw new Fault(
      "invalid",
      "the hash of an endorsement key has 64 lower-case hexadecimal digits",
      {
        hint: "see it with: tctl devices ekcert inspect FILE",
      },
    );
  }
  if (certificateSerial !== "" && !/^[0-9a-f]{2}(:[0-9a-f]{2}){0,63}$/.test(certificateSerial)) {
    throw new Fault("invalid", "the serial number must be lower-case pairs joined by colons", {
      hint: "see it with: tctl devices ekcert inspect FILE",
    });
  }
  if (keyHash === "" && certificateSerial === "") return undefined;
  return {
    ...(keyHash === "" ? {} : { keyHash }),
    ...(certificateSerial === "" ? {} : { certificateSerial }),
  };
}

function change(
  { context, inventory }: AttestationActs,
  call: AuthCall,
  id: string,
  message: () => string,
  act: Parameters<DeviceInventory["modify"]>[2],
): Promise<DeviceState> {
  const caller = callerFields(call);
  return inventory.modify(id, caller.user, act, (device) =>
    context.audit.record("device.update", {
      ...caller,
      device: deviceFields(device),
      message: message(),
    }),
  );
}

/** Everything that is known, as its message. */
export function attestationMessage(
  state: DeviceState,
): MessageInitShape<typeof DeviceAttestationSchema> {
  const { device, record } = state;
  const { asset_tag: assetTag, os_type: osType, credential } = device.spec;
  const { endorsementHash, endorsementCertificate: certificate, boundEndorsement: bound } = record;
  return {
    deviceId: device.metadata.name,
    assetTag,
    osType,
    attestationType: attestationTierOf(device) ?? "",
    ...(endorsementHash === undefined
      ? {}
      : {
          endorsement: {
            keyHash: endorsementHash,
            certificateSerial: credential?.tpm_ekcert_serial ?? "",
            issuer: certificate?.issuer ?? "",
            manufacturer: certificate?.manufacturer ?? "",
            model: certificate?.model ?? "",
            firmwareVersion: certificate?.version ?? "",
          },
        }),
    signingHash: (credential && signingHashOf(readCredential(credential))) ?? "",
    boundKeyHash: bound?.keyHash ?? "",
    boundCertificateSerial: bound?.certificateSerial ?? "",
    ...(record.boot ? { lastBoot: bootMessage(record.boot) } : {}),
    ...(record.refusedBoot ? { refusedBoot: bootMessage(record.refusedBoot) } : {}),
    baseline: { ...baselineOf(record) },
  };
}

function bootMessage({
  seen,
  eventLog,
  unexplainedPcrs,
  secureBoot,
  firmware = "",
  pcrs,
}: BootFacts): MessageInitShape<typeof BootFactsSchema> {
  return {
    seen: timestampFromDate(new Date(seen)),
    eventLog,
    unexplainedPcrs: [...unexplainedPcrs],
    secureBoot,
    firmware,
    pcrs: { ...pcrs },
  };
}
