/**
 * WebAuthn in the JSON of browsers and of the public web API (WebAuthn Level 2, sections 5.1 to 5.5): what is asked goes
 * out, answers come in bounded and checked. Bytes are base64url, with or without padding.
 */
import { z } from "zod";
import { Fault } from "#base/fault.ts";
import type { Challenge, SecondFactorAnswer } from "./verify.ts";
import { type Assertion, type Attestation, algorithms, timeoutMs } from "./webauthn.ts";

/** Longer than any answer of a real authenticator. */
const longest = 64 * 1024;

const bytes = z
  .string()
  .max(longest)
  .regex(/^[A-Za-z0-9_+/-]*={0,2}$/)
  .transform((text) => Buffer.from(text, "base64").toString("base64url"));

const assertionBody = z.object({
  rawId: bytes,
  response: z.object({
    clientDataJSON: bytes,
    authenticatorData: bytes,
    signature: bytes,
    userHandle: bytes.nullish(),
  }),
});

const attestationBody = z.object({
  rawId: bytes,
  response: z.object({ clientDataJSON: bytes, attestationObject: bytes }),
});

/** The second factor in the request of a login: a security key's answer where there is one, else the code. */
export function readLoginAnswer(request: {
  readonly totpCode: string;
  readonly webauthnResponseJson: string;
}): SecondFactorAnswer {
  const { totpCode: code, webauthnResponseJson: json } = request;
  return json === ""
    ? { type: "totp", code }
    : { type: "webauthn", assertion: parseAssertion(json) };
}

/** The challenge as `/webapi/mfa/login/begin` shows it; empty when no security key is asked for. */
export function formatAssertionChallenge({ webauthn }: Challenge): string {
  if (!webauthn) return "";
  const { challenge, rpId, credentialIds } = webauthn;
  return JSON.stringify({
    publicKey: {
      challenge,
      timeout: timeoutMs,
      rpId,
      allowCredentials: credentialIds.map((id) => ({ type: "public-key", id })),
      userVerification: "discouraged",
    },
  });
}

/** What a browser needs to make a credential. */
export function formatCreationChallenge(creation: {
  readonly challenge: string;
  readonly rpId: string;
  readonly cluster: string;
  readonly user: string;
  readonly userId: string;
}): string {
  const { challenge, rpId, cluster, user, userId } = creation;
  return JSON.stringify({
    challenge,
    timeout: timeoutMs,
    rp: { id: rpId, name: cluster },
    user: { id: userId, name: user, displayName: user },
    pubKeyCredParams: algorithms.map((alg) => ({ type: "public-key", alg })),
    attestation: "none",
    authenticatorSelection: { residentKey: "discouraged", userVerification: "discouraged" },
  });
}

/** Reads the answer of an authenticator to a login. Throws `malformed`. */
function parseAssertion(json: string): Assertion {
  const { rawId, response } = read(json, assertionBody);
  return {
    credentialId: rawId,
    clientDataJson: response.clientDataJSON,
    authenticatorData: response.authenticatorData,
    signature: response.signature,
    ...(response.userHandle ? { userHandle: response.userHandle } : {}),
  };
}

/** Reads a new credential. Throws `malformed`. */
export function parseAttestation(json: string): Attestation {
  const { rawId, response } = read(json, attestationBody);
  return {
    credentialId: rawId,
    clientDataJson: response.clientDataJSON,
    attestationObject: response.attestationObject,
  };
}

function read<T extends z.ZodType>(json: string, body: T): z.output<T> {
  let value: unknown;
  try {
    if (json.length > longest) throw new RangeError("too long");
    value = JSON.parse(json);
  } catch (cause) {
    throw new Fault("malformed", "the answer of the security key is not JSON", { cause });
  }
  const parsed = body.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Fault(
    "malformed",
    `the answer of the security key: ${issue?.path.join(".")}: ${issue?.message}`,
  );
}
