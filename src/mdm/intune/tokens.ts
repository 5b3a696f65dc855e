/** Tokens of Microsoft Graph: OAuth 2.0 client credentials (RFC 6749 section 4.4) at the endpoint of the tenant. */
import { fieldsOf } from "../fields.ts";
import type { HttpRequest } from "../https.ts";
import { type BearerToken, bearerToken } from "../session.ts";
import type { IntuneSettings } from "../settings.ts";

/** The request for a token. */
export function tokenRequest({
  loginEndpoint,
  apiEndpoint,
  tenant,
  clientId,
  clientSecret,
}: Omit<IntuneSettings, "inventory">): HttpRequest {
  const body = new URLSearchParams({
    grant_type: "client_credentials",
    client_id: clientId,
    client_secret: clientSecret.reveal(),
    scope: `${new URL(apiEndpoint).origin}/.default`,
  });
  return {
    method: "POST",
    url: new URL(`${loginEndpoint}/${encodeURIComponent(tenant)}/oauth2/v2.0/token`),
    headers: {
      "content-type": "application/x-www-form-urlencoded",
      accept: "application/json",
    },
    body: body.toString(),
  };
}

/** The token of an answer. */
export function readToken(answer: unknown, now: Date): BearerToken {
  const { access_token, expires_in } = fieldsOf(answer);
  return bearerToken(access_token, Number(expires_in) * 1000, now, "Microsoft Graph");
}
