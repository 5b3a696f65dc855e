/** The events of a login that was proved: that the person came, and what the certificates say. */
import type { UserIdentity } from "#identity/identity.ts";
import { identityFields, mfaDeviceFields } from "../audit/fields.ts";
import type { AuthContext } from "../context.ts";
import type { MfaDevice } from "../mfa/device.ts";
import type { LoginClient } from "./login.ts";

/** Writes both; they are durable before the certificates leave. */
export async function recordLogin(
  context: AuthContext,
  identity: UserIdentity,
  device: MfaDevice | undefined,
  client: LoginClient,
): Promise<void> {
  await context.audit.record("user.login", {
    success: true,
    user: identity.username,
    method: "local",
    required_private_key_policy: "none",
    ...(device ? { mfa_device: mfaDeviceFields(device) } : {}),
    user_agent: client.userAgent,
    "addr.remote": client.clientIp,
  });
  await context.audit.record("cert.create", {
    user: identity.username,
    cert_type: "user",
    identity: identityFields(identity),
    user_agent: client.userAgent,
  });
}
