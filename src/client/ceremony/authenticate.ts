/**
 * AuthenticateDevice from the client's side (package teleport.devicetrust.v1): init, one challenge, one answer, and
 * the marked certificates, or a token for the browser whose session the device vouches for. Where certificates are to be
 * marked, the connection must have authenticated with one of them.
 */
import { createClient, type GrpcClient } from "#api/grpc/client.ts";
import { buffer, utf8 } from "#base/bytes.ts";
import { Fault, isFault } from "#base/fault.ts";
import type { AuthenticateChallenge, CollectedData } from "#devicetrust/messages.ts";
import type { AuthenticateDeviceResponse } from "#gen/teleport/devicetrust/v1/authenticate_pb.ts";
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
  const occasion = { userCertificates: { sshAuthorizedKey: utf8(proof.sshCertificate) } };
  const payload = await exchange(auth, device, data, occasion, proof.signWithSshKey);
  if (payload.case !== "userCertificates") throw incomplete();
  return certificatesOf(payload.value.x509Der, payload.value.sshAuthorizedKey);
}

/** A token, as it travels in a link. */
export interface LinkToken {
  readonly id: string;
  readonly token: string;
}

/**
 * Vouches for the session of a browser: the token of its login goes in, the one that the browser must bring back comes
 * out. Throws as {@link runAuthentication}.
 */
export async function runWebAuthentication(
  auth: GrpcClient,
  device: DeviceAuthenticator,
  data: CollectedData,
  { id, token }: LinkToken,
): Promise<LinkToken> {
  const payload = await exchange(auth, device, data, { deviceWebToken: { id, token } });
  if (payload.case !== "confirmationToken") throw incomplete();
  const { value } = payload;
  if (value.id === "" || value.token === "") throw incomplete();
  return { id: value.id, token: value.token };
}

/** What the device is authenticated for: one of the two. */
interface Occasion {
  readonly userCertificates?: { readonly sshAuthorizedKey: Uint8Array };
  readonly deviceWebToken?: LinkToken;
}

async function exchange(
  auth: GrpcClient,
  device: DeviceAuthenticator,
  data: CollectedData,
  occasion: Occasion,
  signWithSshKey?: DeviceProof["signWithSshKey"],
): Promise<AuthenticateDeviceResponse["payload"]> {
  const credentialId = await device.findCredentialId();
  if (credentialId === undefined) {
    throw new Fault("not-found", "this device has no key", {
      hint: "enroll it with: tsh device enroll --current-device",
    });
  }
  const call = await createClient(DeviceTrustService, auth).authenticateDevice();
  try {
    const value = { ...occasion, credentialId, deviceData: collectedDataMessage(data) };
    await call.send({ payload: { case: "init", value } });
    const challenge = await expectAnswer(call.receive()).catch(async (error: unknown) => {
      // The cluster gives no reasons to who has proved nothing; this machine may know one.
      if (isFault(error, "access-denied")) await device.check();
      throw error;
    });
    const payload = await answer(device, authenticateChallenge(challenge), signWithSshKey);
    return await showEpoch(device, challenge.gatehouseEpoch, async (gatehouseEpoch) => {
      await call.send({ payload, ...(gatehouseEpoch ? { gatehouseEpoch } : {}) });
      call.finishSending();
      const result = await expectAnswer(call.receive());
      return { value: result.payload, given: result.gatehouseEpoch };
    });
  } finally {
    call.cancel();
  }
}

async function answer(
  device: DeviceAuthenticator,
  challenge: AuthenticateChallenge,
  signWithSshKey: DeviceProof["signWithSshKey"] | undefined,
) {
  const proof = await device.authenticate(challenge);
  const signed = challenge.kind === "tpm" ? challenge.attestationNonce : challenge.challenge;
  const ssh = signWithSshKey ? { sshSignature: signWithSshKey(signed) } : {};
  return proof.kind === "tpm"
    ? {
        case: "tpmChallengeResponse" as const,
        value: { platformParameters: platformMessage(proof.platformParameters), ...ssh },
      }
    : { case: "challengeResponse" as const, value: { signature: proof.signature, ...ssh } };
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
