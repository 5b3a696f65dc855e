/**
 * AuthenticateDevice from the client's side (package teleport.devicetrust.v1): init, one challenge, one answer, and
 * the marked certificates. The connection must have authenticated with the certificate that is to be marked.
 */
import { createClient, type GrpcClient } from "#api/grpc/client.ts";
import { buffer, utf8 } from "#base/bytes.ts";
import { Fault } from "#base/fault.ts";
import type { AuthenticateChallenge, CollectedData } from "#devicetrust/messages.ts";
import { DeviceTrustService } from "#gen/teleport/devicetrust/v1/service_pb.ts";
import { parseAuthorizedKey } from "#ssh/public-key.ts";
import type { DeviceCertificates, DeviceProof } from "../cluster/device-session.ts";
import type { DeviceAuthenticator } from "../device/authenticator.ts";
import { showEpoch } from "./epoch.ts";
import { authenticateChallenge, collectedDataMessage, platformMessage } from "./messages.ts";

/** Runs the ceremony. Throws what the cluster, or the device's hardware, refused with. */
export async function runAuthentication(
  auth: GrpcClient,
  device: DeviceAuthenticator,
  data: CollectedData,
  proof: DeviceProof,
): Promise<DeviceCertificates> {
  const credentialId = await device.findCredentialId();
  if (credentialId === undefined) {
    throw new Fault("not-found", "this device has no key", {
      hint: "enroll it with: tsh device enroll --current-device",
    });
  }
  const call = await createClient(DeviceTrustService, auth).authenticateDevice();
  try {
    await call.send({
      payload: {
        case: "init",
        value: {
          userCertificates: { sshAuthorizedKey: utf8(proof.sshCertificate) },
          credentialId,
          deviceData: collectedDataMessage(data),
        },
      },
    });
    const challenge = await expectAnswer(call.receive());
    const payload = await answer(device, authenticateChallenge(challenge), proof);
    return await showEpoch(device, challenge.gatehouseEpoch, async (gatehouseEpoch) => {
      await call.send({ payload, ...(gatehouseEpoch ? { gatehouseEpoch } : {}) });
      call.finishSending();
      const { payload: marked, gatehouseEpoch: given } = await expectAnswer(call.receive());
      if (marked.case !== "userCertificates") throw incomplete();
      const { x509Der, sshAuthorizedKey } = marked.value;
      return { value: certificatesOf(x509Der, sshAuthorizedKey), given };
    });
  } finally {
    call.cancel();
  }
}

async function answer(
  device: DeviceAuthenticator,
  challenge: AuthenticateChallenge,
  { signWithSshKey }: DeviceProof,
) {
  const proof = await device.authenticate(challenge);
  const signed = challenge.kind === "tpm" ? challenge.attestationNonce : challenge.challenge;
  const sshSignature = signWithSshKey(signed);
  return proof.kind === "tpm"
    ? {
        case: "tpmChallengeResponse" as const,
        value: { platformParameters: platformMessage(proof.platformParameters), sshSignature },
      }
    : {
        case: "challengeResponse" as const,
        value: { signature: proof.signature, sshSignature },
      };
}

/** Half a success would leave a login that is broken: both certificates or none. */
function certificatesOf(x509Der: Uint8Array, sshLine: Uint8Array): DeviceCertificates {
  if (x509Der.length === 0 || sshLine.length === 0) throw incomplete();
  const sshAuthorizedKey = buffer(sshLine).toString("utf8").trim();
  parseAuthorizedKey(sshAuthorizedKey);
  return { x509Der, sshAuthorizedKey };
}

async function expectAnswer<T>(answer: Promise<T | undefined>): Promise<T> {
  const message = await answer;
  if (message === undefined) throw incomplete();
  return message;
}

function incomplete(): Fault {
  return new Fault("malformed", "the cluster ended the device authentication without a result");
}
