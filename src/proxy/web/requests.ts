/**
 * The JSON bodies of the login endpoints (public API, `/webapi/…`): bounded before they are parsed, and checked for
 * what we use. Fields that we do not know are left alone, because newer clients send more of them.
 */
import type { Context } from "hono";
import * as z from "zod";
import { Fault } from "#base/fault.ts";
import { decodePublicKey, parseAuthorizedKey } from "#ssh/public-key.ts";

const bodyLimit = 64 * 1024;
const shortText = z.string().max(1024);
/** Go's JSON for bytes: standard base64. */
const keyBytes = z
  .base64()
  .max(16_384)
  .transform((text) => Buffer.from(text, "base64"));

/** `POST /webapi/mfa/login/begin`. */
export const loginBeginBody = z.object({
  user: shortText.default(""),
  pass: shortText.default(""),
  passwordless: z.boolean().default(false),
});

/** What both ways to finish a login have in common. */
const login = {
  user: shortText,
  password: shortText.default(""),
  /** One key for SSH and TLS: clients from before the split. */
  pub_key: keyBytes.optional(),
  ssh_pub_key: keyBytes.optional(),
  tls_pub_key: keyBytes.optional(),
  /** Nanoseconds. */
  ttl: z.number().int().min(0).default(0),
  RouteToCluster: shortText.default(""),
  KubernetesCluster: shortText.default(""),
};

/** `POST /webapi/mfa/login/finish`. */
export const loginFinishBody = z.object({
  ...login,
  totp_code: shortText.default(""),
  webauthn_challenge_response: z.unknown().optional(),
});

/** `POST /webapi/ssh/certs`: password and code in one go. */
export const sshCertsBody = z.object({ ...login, otp_token: shortText.default("") });

/** `POST /webapi/sessions/web`: a login whose keys stay in auth. */
export const webSessionBody = z.object({
  user: shortText,
  pass: shortText.default(""),
  second_factor_token: shortText.default(""),
  webauthnAssertionResponse: z.unknown().optional(),
  /** `navigator.maxTouchPoints` of the browser. */
  maxTouchPoints: z.number().int().min(0).max(1000).default(0),
});

/** The common part of a request to log in. */
export type LoginBody = z.output<z.ZodObject<typeof login>>;

/** The public keys of a login request, in the old form or the new one; mixing them is refused. */
export function requestedKeys(body: LoginBody) {
  const { pub_key: both, ssh_pub_key: ssh, tls_pub_key: tls } = body;
  if (both && (ssh || tls)) {
    throw new Fault("invalid", "send either pub_key or ssh_pub_key and tls_pub_key, not both");
  }
  if (!both && !ssh && !tls) throw new Fault("invalid", "the request carries no public key");
  if (both) {
    const line = both.toString("utf8");
    return { sshPublicKey: line, tlsPublicKey: pemOfAuthorizedKey(line) };
  }
  return { sshPublicKey: ssh?.toString("utf8") ?? "", tlsPublicKey: tls?.toString("utf8") ?? "" };
}

/** The same key for TLS: clients from before the split have one for both. */
function pemOfAuthorizedKey(line: string): string {
  const { key } = decodePublicKey(parseAuthorizedKey(line).blob);
  return key.export({ type: "spki", format: "pem" }).toString();
}

/** Reads and checks a JSON body. Throws `too-large` when it is too long and `malformed` when it is not what it must be. */
export async function readBody<T extends z.ZodType>(
  context: Context,
  schema: T,
): Promise<z.output<T>> {
  const text = await readText(context);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new Fault("malformed", "the request body is not JSON", { cause });
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Fault("malformed", `the request body: ${issue?.path.join(".")}: ${issue?.message}`);
}

/** Reads a body of at most 64 KiB; a longer one is refused before it is in memory. */
export async function readText(context: Context): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of context.req.raw.body ?? []) {
    length += chunk.length;
    if (length > bodyLimit) throw new Fault("too-large", "the request body is too long");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
