/**
 * A device that vouches for a web session: the ceremony of `authenticate.ts` with a web token instead of certificates. Its
 * result is no certificate either, but a token that only the browser of that session can turn into one
 * (`web-confirm.ts`).
 */
import type { Secret } from "#base/secret.ts";
import { type AuthenticationState, beginAuthentication } from "#devicetrust/authentication.ts";
import type { ShownEpoch } from "#devicetrust/epoch.ts";
import type {
  AuthenticateChallenge,
  AuthenticateInit,
  AuthenticateResponse,
} from "#devicetrust/messages.ts";
import { badRequest, refuseCeremony } from "#devicetrust/refusal.ts";
import {
  assertExpectedDevice,
  assertWebTokenUse,
  type WebTokenRecord,
  webTokenTtlMs,
} from "#devicetrust/web-token.ts";
import type { AuthCall } from "../grpc/guard.ts";
import { findWebSession, type WebSession } from "../web/sessions.ts";
import {
  type AuthenticateContext,
  assertNotLocked,
  authenticatingDevice,
  type ChallengedDevice,
  proveDevice,
  recordFindings,
  rememberAuthentication,
} from "./authenticate.ts";
import { requirePerson } from "./enroll.ts";
import { askForEpoch } from "./epochs.ts";
import { type DeviceFields, deviceFields, recordSuccess, webFields } from "./events.ts";
import { assertDeviceTrustOn, readDeviceTrust } from "./policy.ts";
import type { ConfirmationTokens, WebTokens } from "./web-tokens.ts";

/** What a web authentication works with. */
export interface WebAuthenticateContext extends AuthenticateContext {
  readonly webTokens: WebTokens;
  readonly confirmations: ConfirmationTokens;
}

/** A token as it is shown: its id, and its words. */
export interface PresentedToken {
  readonly id: string;
  readonly token: string;
}

/** A web authentication between its challenge and the answer. */
export interface PendingWebAuthentication extends ChallengedDevice {
  readonly challenge: AuthenticateChallenge;
  readonly state: AuthenticationState;
  readonly token: WebTokenRecord;
  readonly session: WebSession;
}

/**
 * Everything up to the challenge. The token is spent before anything is looked at: whatever fails afterwards needs a new
 * login in the browser. `found` is told what is known so far, for the audit of a failure.
 */
export async function beginWebAuthentication(
  { context, inventory, webTokens }: WebAuthenticateContext,
  call: AuthCall,
  init: AuthenticateInit,
  presented: PresentedToken,
  found: (fields: DeviceFields) => void,
): Promise<PendingWebAuthentication> {
  const token = await webTokens.take(presented);
  if (token) found(webFields(token.id));
  const { user, channelKey } = requirePerson(call);
  const settings = await readDeviceTrust(context);
  assertDeviceTrustOn(settings);
  const now = context.clock.now();
  const { id } = presented;
  assertWebTokenUse(token, { id, now, user: user.username, address: call.peer.address });
  const session = await findWebSession(context, token.sessionId);
  if (session === undefined) throw refuse("web_session", "the web session has ended");
  const state = await inventory.findByCredential(init.credentialId);
  if (state) found({ ...deviceFields(state.device), ...webFields(token.id) });
  const { challenge, state: pending } = beginAuthentication(init, {
    now,
    random: context.random,
    device: state && authenticatingDevice(state),
    channelKey,
    policy: settings.policy,
  });
  if (state === undefined) throw refuse("unknown_device", "no device has this credential");
  const { device } = state;
  assertExpectedDevice(token, { id: device.metadata.name, osType: device.spec.os_type });
  await assertNotLocked(context, user, device);
  const series = askForEpoch(state.record, context.random);
  return { challenge, device, state: pending, user, token, session, challenged: now, series };
}

/** Checks the answer, remembers it, and gives the words of the confirmation token; the event is durable before they leave. */
export async function finishWebAuthentication(
  parts: WebAuthenticateContext,
  call: AuthCall,
  pending: PendingWebAuthentication,
  response: AuthenticateResponse,
  epoch: ShownEpoch | undefined,
): Promise<{
  readonly id: string;
  readonly token: Secret;
  readonly receipt: Uint8Array | undefined;
}> {
  const { context, confirmations } = parts;
  const { device, token, session } = pending;
  const { id, user, sessionId } = token;
  if (response.sshSignature.length > 0) {
    throw badRequest("a web authentication carries no signature of an SSH key");
  }
  const now = context.clock.now();
  const proven = await proveDevice(parts, pending, response, { now, sshKey: undefined });
  const until = session.identity.expires;
  const remembered = await rememberAuthentication(parts, call, pending, { proven, until, epoch });
  await recordFindings(context, call, device, proven, remembered.warnings);
  const fields = { ...deviceFields(device), ...webFields(id) };
  await recordSuccess(context, "device.authenticate", call, fields);
  const expires = new Date(now.getTime() + webTokenTtlMs);
  const words = await confirmations.add({ id, user, sessionId, expires, device: proven.device });
  return { id, token: words, receipt: remembered.receipt };
}

function refuse(reason: string, why: string) {
  return refuseCeremony("authentication", reason, why);
}
