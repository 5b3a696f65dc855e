/**
 * The login exchange of a local user with the proxy: password (and code) against certificates for two fresh keys.
 * Endpoints and fields are those of the public web API; which pair of calls is used depends on `second_factor`.
 */
import { Fault, isFault } from "#base/fault.ts";
import type { HostAuthority } from "../profile/trust.ts";
import type { WebClient } from "./client.ts";
import type { Ping } from "./ping.ts";

/** Asks the person. Each is called when its answer is needed, and not before. */
export interface LoginPrompts {
  password(): Promise<string>;
  code(): Promise<string>;
}

/** The public halves to be certified. */
export interface LoginRequest {
  readonly user: string;
  /** authorized_keys line. */
  readonly sshPublicKey: string;
  /** PEM, SubjectPublicKeyInfo. */
  readonly tlsPublicKey: string;
  /** Wished lifetime in ms; the cluster may shorten it. Zero leaves it to the cluster. */
  readonly ttlMs: number;
}

/** What the cluster issued. */
export interface LoginAnswer {
  readonly user: string;
  /** authorized_keys line with the SSH certificate. */
  readonly sshCertificate: string;
  /** PEM. */
  readonly tlsCertificate: string;
  readonly authorities: readonly HostAuthority[];
}

/** Logs in. Throws `unproven` with the proxy's sentence and what to try when it refuses. */
export async function logInWithPassword(
  web: WebClient,
  ping: Ping,
  request: LoginRequest,
  prompts: LoginPrompts,
): Promise<LoginAnswer> {
  try {
    return await exchange(web, ping, request, prompts);
  } catch (error) {
    if (!isFault(error, "unproven") || error.hint !== undefined) throw error;
    throw new Fault("unproven", error.message, {
      hint:
        "try again with a code that was not used yet; repeated failures close the login for a while, " +
        `and an administrator gives a new password with: tctl users reset ${request.user}`,
      cause: error,
    });
  }
}

async function exchange(
  web: WebClient,
  ping: Ping,
  request: LoginRequest,
  prompts: LoginPrompts,
): Promise<LoginAnswer> {
  const password = await prompts.password();
  const body = {
    ...keyFields(ping, request),
    // The public API counts nanoseconds; above 2^53 JSON numbers are inexact, which a lifetime bears.
    ttl: Math.round(request.ttlMs) * 1_000_000,
  };
  if (ping.secondFactor === "off" || ping.secondFactor === "otp") {
    const code = ping.secondFactor === "otp" ? await prompts.code() : "";
    const answer = await web.post("/v1/webapi/ssh/certs", {
      user: request.user,
      password,
      otp_token: code,
      ...body,
    });
    return readAnswer(answer.body, web.address);
  }
  const begin = await web.post("/v1/webapi/mfa/login/begin", {
    user: request.user,
    pass: password,
  });
  const wantsCode = challengesTotp(begin.body);
  const answer = await web.post("/v1/webapi/mfa/login/finish", {
    user: request.user,
    password,
    ...(wantsCode ? { totp_code: await prompts.code() } : {}),
    ...body,
  });
  return readAnswer(answer.body, web.address);
}

/** A cluster that names no signature suite knows one field for the one key of both protocols, and fails on the others. */
function keyFields(ping: Ping, request: LoginRequest): Readonly<Record<string, string>> {
  const ssh = base64Text(`${request.sshPublicKey.trim()}\n`);
  if (ping.signatureSuite === "") return { pub_key: ssh };
  return { ssh_pub_key: ssh, tls_pub_key: base64Text(request.tlsPublicKey) };
}

function challengesTotp(body: unknown): boolean {
  const challenge = body as { totp_challenge?: unknown; webauthn_challenge?: unknown } | null;
  if (challenge?.totp_challenge === true) return true;
  if (challenge?.webauthn_challenge !== undefined && challenge.webauthn_challenge !== null) {
    throw new Fault("unimplemented", "this user's second factor is a security key", {
      hint: "tsh asks for one-time codes; add an authenticator app to the account",
    });
  }
  return false;
}

/** Checks the shape of the answer; what the certificates say is checked where they are used. */
function readAnswer(body: unknown, address: string): LoginAnswer {
  const malformed = () =>
    new Fault("malformed", `the login answer of ${address} is not complete; nothing was stored`);
  if (typeof body !== "object" || body === null) throw malformed();
  const { username, cert, tls_cert, host_signers } = body as Record<string, unknown>;
  if (typeof username !== "string" || !Array.isArray(host_signers) || host_signers.length === 0) {
    throw malformed();
  }
  const authorities = host_signers.map((signer: Record<string, unknown>) => {
    const { domain_name, checking_keys, tls_certs } = signer ?? {};
    if (typeof domain_name !== "string") throw malformed();
    if (!Array.isArray(checking_keys) || !Array.isArray(tls_certs)) throw malformed();
    return {
      cluster: domain_name,
      sshKeys: checking_keys.map((key) => decodeText(key, malformed).trim()),
      tlsCertificates: tls_certs.map((pem) => decodeText(pem, malformed)),
    };
  });
  return {
    user: username,
    sshCertificate: decodeText(cert, malformed),
    tlsCertificate: decodeText(tls_cert, malformed),
    authorities,
  };
}

function base64Text(text: string): string {
  return Buffer.from(text, "utf8").toString("base64");
}

function decodeText(value: unknown, malformed: () => Fault): string {
  if (typeof value !== "string" || value === "") throw malformed();
  return Buffer.from(value, "base64").toString("utf8");
}
