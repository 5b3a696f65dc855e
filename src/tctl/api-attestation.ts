/** TPMs and boots of devices over our own API. */
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { encodeResource } from "#api/convert/resource.ts";
import type { Client } from "#api/grpc/client.ts";
import { Fault } from "#base/fault.ts";
import type {
  AttestationService,
  BootFacts,
  DeviceAttestation as DeviceAttestationMessage,
  MeasuredBootTotals,
} from "#gen/gatehouse/v1/attestation_pb.ts";
import type {
  AttestationCalls,
  DeviceAttestation,
  DeviceBoot,
  FailingDevice,
} from "./attestation-calls.ts";

/** The calls about attestation. */
export function attestationCallsOver(client: Client<typeof AttestationService>): AttestationCalls {
  return {
    async simulateMeasuredBoot(policy) {
      const devices: FailingDevice[] = [];
      let totals: MeasuredBootTotals | undefined;
      const answer = client.simulateMeasuredBoot({
        policy: encodeResource("attestation_policy", policy),
      });
      for await (const { part } of answer) {
        if (part.case === "totals") totals = part.value;
        if (part.case !== "device") continue;
        const { deviceId: id, assetTag, osType, owner, findings, seen } = part.value;
        const found = findings.map(({ rule, mode, reason, why }) => ({ rule, mode, reason, why }));
        const at = seen && timestampDate(seen);
        devices.push({ id, assetTag, osType, owner, findings: found, seen: at });
      }
      if (totals === undefined) {
        throw new Fault("malformed", "the answer of the auth service is incomplete", {
          hint: "run the command again",
        });
      }
      const { enrolled, refused, reported, satisfied, unconcerned } = totals;
      return {
        devices,
        totals: {
          enrolled: Number(enrolled),
          refused: Number(refused),
          reported: Number(reported),
          satisfied: Number(satisfied),
          unconcerned: Number(unconcerned),
        },
      };
    },
    deviceAttestation: async (deviceId) =>
      readAttestation(await client.getDeviceAttestation({ deviceId })),
    approveBoot: async (deviceId) => readAttestation(await client.approveBoot({ deviceId })),
    bindEndorsementKey: async (deviceId, binding) =>
      readAttestation(await client.bindEndorsementKey({ deviceId, ...binding })),
  };
}

function readAttestation(message: DeviceAttestationMessage): DeviceAttestation {
  const { assetTag, osType, attestationType, signingHash, endorsement: found } = message;
  return {
    ...{ assetTag, osType, attestationType, signingHash },
    endorsement: found && {
      keyHash: found.keyHash,
      certificateSerial: found.certificateSerial,
      issuer: found.issuer,
      manufacturer: found.manufacturer,
      model: found.model,
      firmwareVersion: found.firmwareVersion,
    },
    bound: {
      keyHash: message.boundKeyHash,
      certificateSerial: message.boundCertificateSerial,
    },
    lastBoot: message.lastBoot && readBoot(message.lastBoot),
    refusedBoot: message.refusedBoot && readBoot(message.refusedBoot),
    baseline: message.baseline,
  };
}

function readBoot({
  seen,
  eventLog,
  unexplainedPcrs,
  secureBoot,
  firmware,
  pcrs,
}: BootFacts): DeviceBoot {
  return {
    seen: seen && timestampDate(seen),
    ...{ eventLog, unexplainedPcrs, secureBoot, firmware, pcrs },
  };
}
