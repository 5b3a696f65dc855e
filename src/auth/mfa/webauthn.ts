/**
 * WebAuthn, the relying party's side (W3C WebAuthn Level 2, section 7): what browsers and security keys are asked, and
 * whether their answers hold. Attestation is not asked for: any authenticator will do, and what it says of its make is
 * not believed. State (open challenges, devices) is the caller's.
 */
import { Fault } from "#base/fault.ts";
import { type Random, uuid } from "#base/random.ts";
import type { WebauthnDevice } from "./device.ts";

/** Signatures that are taken (COSE): Ed25519, ECDSA P-256, RSASSA-PKCS1-v1_5 with SHA-256. */
export const algorithms = [-8, -7, -257] as const;

/** How long clients may take, in ms. */
export const timeoutMs = 5 * 60_000;

/** The answer of an authenticator to a challenge (section 5.2.2). Bytes are base64url. */
export interface Assertion {
  readonly credentialId: string;
  readonly clientDataJson: string;
  readonly authenticatorData: string;
  readonly signature: string;
  readonly userHandle?: string;
}

/** A new credential (section 5.2.1). Bytes are base64url. */
export interface Attestation {
  readonly credentialId: string;
  readonly clientDataJson: string;
  readonly attestationObject: string;
}

/** Which challenge an answer is for: its own word, to be looked up. Throws `malformed`. */
export function challengeOf({ clientDataJson }: { readonly clientDataJson: string }): string {
  return clientDataOf(clientDataJson).challenge;
}

/**
 * Verifies an answer to `challenge`; gives the device with its marks moved on. Throws `unproven` with the reason in the
 * audit fields.
 */
export async function verifyAssertion(
  assertion: Assertion,
  device: WebauthnDevice,
  challenge: string,
  now: Date,
): Promise<WebauthnDevice> {
  const { verifyAuthenticationResponse } = await import("./webauthn-library.ts");
  const { credentialId: id, clientDataJson, authenticatorData, signature } = assertion;
  const { authenticationInfo: info } = await proven(() =>
    verifyAuthenticationResponse({
      response: {
        id,
        rawId: id,
        type: "public-key",
        clientExtensionResults: {},
        response: { clientDataJSON: clientDataJson, authenticatorData, signature },
      },
      expectedChallenge: challenge,
      expectedOrigin: originOf(clientDataJson, device.rpId),
      expectedRPID: device.rpId,
      requireUserVerification: false,
      credential: {
        id: device.credentialId,
        publicKey: new Uint8Array(Buffer.from(device.publicKey, "base64url")),
        counter: device.counter,
      },
    }),
  );
  return {
    ...device,
    counter: info.newCounter,
    backedUp: info.credentialBackedUp,
    lastUsed: now.toISOString(),
  };
}

/** Verifies a new credential for `challenge`; gives the device to store. Throws `unproven`. */
export async function verifyAttestation(
  attestation: Attestation,
  expected: { readonly challenge: string; readonly rpId: string; readonly name: string },
  now: Date,
  random: Random,
): Promise<WebauthnDevice> {
  const { verifyRegistrationResponse } = await import("./webauthn-library.ts");
  const { credentialId: id, clientDataJson, attestationObject } = attestation;
  const { registrationInfo: info } = await proven(() =>
    verifyRegistrationResponse({
      response: {
        id,
        rawId: id,
        type: "public-key",
        clientExtensionResults: {},
        response: { clientDataJSON: clientDataJson, attestationObject },
      },
      expectedChallenge: expected.challenge,
      expectedOrigin: originOf(clientDataJson, expected.rpId),
      expectedRPID: expected.rpId,
      requireUserVerification: false,
      supportedAlgorithmIDs: [...algorithms],
    }),
  );
  if (!info || info.credential.id !== id) throw new Fault("unproven", refused);
  const time = now.toISOString();
  return {
    type: "webauthn",
    id: uuid(random),
    name: expected.name,
    addedAt: time,
    lastUsed: time,
    credentialId: id,
    publicKey: Buffer.from(info.credential.publicKey).toString("base64url"),
    counter: info.credential.counter,
    rpId: expected.rpId,
    aaguid: info.aaguid,
    attestationFormat: info.fmt,
    backupEligible: info.credentialDeviceType === "multiDevice",
    backedUp: info.credentialBackedUp,
  };
}

const refused = "the answer of the security key does not hold";

/** Every refusal of the library is the peer's doing: one sentence for them, the reason for the log. */
async function proven<T extends { readonly verified: boolean }>(
  verify: () => Promise<T>,
): Promise<T> {
  let result: T;
  try {
    result = await verify();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.slice(0, 200) : "unknown";
    throw new Fault("unproven", refused, { cause, audit: { reason } });
  }
  if (!result.verified) throw new Fault("unproven", refused, { audit: { reason: "signature" } });
  return result;
}

const longestClientData = 4096;

function clientDataOf(clientDataJson: string): { challenge: string; origin: string } {
  const malformed = () => new Fault("malformed", "the client data of the answer cannot be read");
  if (clientDataJson.length > longestClientData) throw malformed();
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(clientDataJson, "base64url").toString("utf8"));
  } catch {
    throw malformed();
  }
  const { challenge, origin } = (value ?? {}) as Record<string, unknown>;
  if (typeof challenge !== "string" || typeof origin !== "string") throw malformed();
  return { challenge, origin };
}

/**
 * The origin of an answer when it is one of the relying party's: https, on its own host or one below, on any port
 * (section 7.2, step 13). Throws `unproven` for another.
 */
function originOf(clientDataJson: string, rpId: string): string {
  const { origin } = clientDataOf(clientDataJson);
  const url = URL.parse(origin);
  const below = url?.hostname === rpId || url?.hostname.endsWith(`.${rpId}`) === true;
  if (url?.protocol === "https:" && below && url.origin === withoutDefaultPort(origin)) {
    return origin;
  }
  throw new Fault("unproven", refused, { audit: { reason: "origin" } });
}

/** Clients name the port that a person typed, also the usual one. */
function withoutDefaultPort(origin: string): string {
  return origin.replace(/:443$/, "");
}
