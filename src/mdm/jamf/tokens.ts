/** Tokens of the Jamf Pro API: OAuth 2.0 client credentials (RFC 6749 section 4.4), or an account with its password. */
import { fieldsOf, readTime } from "../fields.ts";
import type { HttpRequest } from "../https.ts";
import { type BearerToken, bearerToken } from "../session.ts";
import type { JamfSettings } from "../settings.ts";

const form = { "content-type": "application/x-www-form-urlencoded", accept: "application/json" };

/** The request for a token. */
export function tokenRequest({
  apiEndpoint,
  credentials,
}: Pick<JamfSettings, "apiEndpoint" | "credentials">): HttpRequest {
  if ("clientId" in credentials) {
    const body = new URLSearchParams({
      grant_type: "client_credentials",
      client_id: credentials.clientId,
      client_secret: credentials.clientSecret.reveal(),
    });
    const url = new URL(`${apiEndpoint}/oauth/token`);
    return { method: "POST", url, headers: form, body: body.toString() };
  }
  const pair = Buffer.from(`${credentials.username}:${credentials.password.reveal()}`, "utf8");
  return {
    method: "POST",
    url: new URL(`${apiEndpoint}/v1/auth/token`),
    headers: { accept: "application/json", authorization: `Basic ${pair.toString("base64")}` },
  };
}

/** The token of either answer: `access_token` and `expires_in` (seconds), or `token` and `expires` (a time). */
export function readToken(answer: unknown, now: Date): BearerToken {
  const { access_token, expires_in, token, expires } = fieldsOf(answer);
  return bearerToken(
    access_token ?? token,
    access_token === undefined ? readTime(expires) - now.getTime() : Number(expires_in) * 1000,
    now,
    "Jamf Pro",
  );
}
