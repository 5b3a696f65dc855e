/**
 * The end of a web authentication: the browser that began it brings the confirmation token, and the certificates of its
 * session are issued again with the device in them. Only a proxy asks, for the session of the browser at its door.
 */
import { explained } from "#audit/refusal.ts";
import { refuseCeremony } from "#devicetrust/refusal.ts";
import { assertConfirmationUse, type ConfirmationRecord } from "#devicetrust/web-token.ts";
import { identityFields } from "../audit/fields.ts";
import { type AuthCall, requireSystem } from "../grpc/guard.ts";
import { findWebSession, markWebSession, type WebSession } from "../web/sessions.ts";
import { assertNotLocked } from "./authenticate.ts";
import { type DeviceState, withCertificatesUntil } from "./device-state.ts";
import { callerFields, deviceFields, failureFields, webFields } from "./events.ts";
import { assertDeviceTrustOn, readDeviceTrust } from "./policy.ts";
import type { PresentedToken, WebAuthenticateContext } from "./web-authenticate.ts";

/** Confirms. The token is spent whatever comes of it; success and failure are events before anything changes. */
export async function confirmWebAuthentication(
  parts: WebAuthenticateContext,
  call: AuthCall,
  presented: PresentedToken,
  sessionId: string,
): Promise<void> {
  requireSystem(call, "Proxy");
  const { context, confirmations } = parts;
  const record = await confirmations.take(presented);
  const session = await findWebSession(context, sessionId);
  const user = record?.user ?? session?.identity.username ?? callerFields(call).user;
  try {
    const now = context.clock.now();
    assertConfirmationUse(record, { id: presented.id, now, sessionId });
    if (session === undefined) throw refuse("web_session", "the web session has ended");
    const state = await checkDevice(parts, record, session);
    const device = { ...deviceFields(state.device), ...webFields(record.id) };
    const marked = { ...session.identity, device: record.device };
    await context.audit.record("device.authenticate.confirm", { user, success: true, device });
    await context.audit.record("cert.create", {
      user,
      cert_type: "user",
      identity: identityFields(marked),
    });
    await markWebSession(context, sessionId, record.device);
  } catch (error) {
    const { device, id } = record ?? {};
    const refusalId = await context.audit.record("device.authenticate.confirm", {
      user,
      ...failureFields(error),
      device: {
        ...(device && { device_id: device.deviceId, asset_tag: device.assetTag }),
        ...webFields(id ?? presented.id.slice(0, 64)),
      },
    });
    throw explained(error, refusalId);
  }
}

/** The device as it is now, which is noted to be named until the session ends. Minutes have passed since it proved itself. */
async function checkDevice(
  { context, inventory }: WebAuthenticateContext,
  { device, user }: ConfirmationRecord,
  session: WebSession,
): Promise<DeviceState> {
  assertDeviceTrustOn(await readDeviceTrust(context));
  const state = await inventory.find(device.deviceId);
  if (state === undefined) throw refuse("unknown_device", "the device was deleted meanwhile");
  await assertNotLocked(context, session.identity, state.device);
  return inventory.modify(device.deviceId, user, (now) => {
    if (now.device.spec.credential?.id !== device.credentialId) {
      throw refuse("not_enrolled", "the device was unenrolled meanwhile");
    }
    const record = withCertificatesUntil(now.record, session.identity.expires);
    return { device: now.device, record };
  });
}

function refuse(reason: string, why: string) {
  return refuseCeremony("authentication", reason, why);
}
