/** Second factors in the messages of the public API (proto.MFAAuthenticateChallenge and its neighbours, webauthn.*). */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Fault } from "#base/fault.ts";
import type {
  MFAAuthenticateChallengeSchema,
  MFAAuthenticateResponse,
  MFARegisterChallengeSchema,
  MFARegisterResponse,
} from "#gen/proto/mfa_pb.ts";
import { totpParameters } from "../users/totp.ts";
import type { RegistrationAnswer, RegistrationChallenge } from "./manage.ts";
import type { Challenge, SecondFactorAnswer } from "./verify.ts";
import { algorithms, timeoutMs } from "./webauthn.ts";

/** A challenge to the second factors of a user. */
export function challengeMessage({
  totp,
  webauthn,
}: Challenge): MessageInitShape<typeof MFAAuthenticateChallengeSchema> {
  return {
    ...(totp ? { TOTP: {} } : {}),
    ...(webauthn
      ? {
          WebauthnChallenge: {
            publicKey: {
              challenge: bytesOf(webauthn.challenge),
              timeoutMs: BigInt(timeoutMs),
              rpId: webauthn.rpId,
              allowCredentials: webauthn.credentialIds.map(descriptor),
              userVerification: "discouraged",
            },
          },
        }
      : {}),
  };
}

/** The answer in a request; undefined when it carries none. */
export function readAnswer(
  message: MFAAuthenticateResponse | undefined,
): SecondFactorAnswer | undefined {
  const answer = message?.Response;
  switch (answer?.case) {
    case "TOTP":
      return { type: "totp", code: answer.value.Code };
    case "Webauthn": {
      const { rawId, response } = answer.value;
      if (!response) throw new Fault("malformed", "the answer carries no response");
      return {
        type: "webauthn",
        assertion: {
          credentialId: textOf(rawId),
          clientDataJson: textOf(response.clientDataJson),
          authenticatorData: textOf(response.authenticatorData),
          signature: textOf(response.signature),
          userHandle: textOf(response.userHandle),
        },
      };
    }
    default:
      return undefined;
  }
}

/** What the client of a new device needs. */
export function registrationMessage(
  challenge: RegistrationChallenge,
  user: string,
  cluster: string,
): MessageInitShape<typeof MFARegisterChallengeSchema> {
  if (challenge.type === "totp") {
    const { period, digits, algorithm } = totpParameters;
    return {
      Request: {
        case: "TOTP",
        value: {
          Secret: challenge.device.secret,
          Issuer: cluster,
          PeriodSeconds: period,
          Algorithm: algorithm,
          Digits: digits,
          Account: user,
          ID: challenge.id,
        },
      },
    };
  }
  return {
    Request: {
      case: "Webauthn",
      value: {
        publicKey: {
          challenge: bytesOf(challenge.challenge),
          rp: { id: challenge.rpId, name: cluster },
          user: { id: bytesOf(challenge.userId), name: user, displayName: user },
          credentialParameters: algorithms.map((alg) => ({ type: "public-key", alg })),
          timeoutMs: BigInt(timeoutMs),
          excludeCredentials: challenge.known.map(descriptor),
          attestation: "none",
          authenticatorSelection: {
            requireResidentKey: false,
            userVerification: "discouraged",
          },
        },
      },
    },
  };
}

/** The answer of a new device. Throws `malformed`. */
export function readRegistration(message: MFARegisterResponse | undefined): RegistrationAnswer {
  const answer = message?.Response;
  if (answer?.case === "TOTP") {
    return { type: "totp", id: answer.value.ID, code: answer.value.Code };
  }
  const response = answer?.case === "Webauthn" ? answer.value.response : undefined;
  if (answer?.case !== "Webauthn" || !response) {
    throw new Fault("malformed", "the request carries no answer of the new device");
  }
  return {
    type: "webauthn",
    attestation: {
      credentialId: textOf(answer.value.rawId),
      clientDataJson: textOf(response.clientDataJson),
      attestationObject: textOf(response.attestationObject),
    },
  };
}

function descriptor(id: string) {
  return { type: "public-key", id: bytesOf(id) };
}

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(text, "base64url"));
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64url");
}
