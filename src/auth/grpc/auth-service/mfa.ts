/** proto.AuthService, the second factors of a person: challenges to them, and their owner's changes. */
import type { ServiceHandlers } from "#api/grpc/service.ts";
import type { Peer } from "#api/peer.ts";
import { actorOf } from "#audit/actor.ts";
import { Fault } from "#base/fault.ts";
import type { AuthService } from "#gen/proto/authservice_pb.ts";
import {
  type CreateAuthenticateChallengeRequest,
  DeviceType,
  DeviceUsage,
  MFARequired,
} from "#gen/proto/mfa_pb.ts";
import { ChallengeScope } from "#gen/teleport/mfa/v1/mfa_pb.ts";
import type { AuthContext } from "../../context.ts";
import { mfaDeviceMessage } from "../../mfa/device.ts";
import {
  beginRegistration,
  finishRegistration,
  mustProveFirst,
  type Owner,
  removeDevice,
} from "../../mfa/manage.ts";
import {
  challengeMessage,
  readAnswer,
  readRegistration,
  registrationMessage,
} from "../../mfa/messages.ts";
import { requireSecondFactor } from "../../mfa/require.ts";
import { needsSessionMfa } from "../../mfa/session.ts";
import { createChallenge, type ChallengeScope as Scope } from "../../mfa/verify.ts";
import { type AuthCall, requireIdentity, requireUser } from "../guard.ts";

/** Scopes in which people who are logged in show a second factor. */
const scopes: ReadonlyMap<ChallengeScope, Scope> = new Map([
  [ChallengeScope.MANAGE_DEVICES, "manage-devices"],
  [ChallengeScope.USER_SESSION, "user-session"],
]);

const deviceTypes: ReadonlyMap<DeviceType, "totp" | "webauthn"> = new Map([
  [DeviceType.TOTP, "totp"],
  [DeviceType.WEBAUTHN, "webauthn"],
]);

/** Handlers of the calls about second factors. */
export function mfaHandlers(context: AuthContext): ServiceHandlers<typeof AuthService, Peer> {
  return {
    /** People see their own; a token of an invitation is not taken here. */
    async getMFADevices({ TokenID }, call) {
      const { username } = requireUser(call);
      assertNoToken(TokenID);
      const { devices } = await context.credentials.secondFactors.get(username);
      return { Devices: devices.map(mfaDeviceMessage) };
    },

    async isMFARequired({ Target }, call) {
      const required = await needsSessionMfa(context, requireIdentity(call), Target);
      return { Required: required, MFARequired: answerOf(required) };
    },

    async createAuthenticateChallenge(request, call) {
      const identity = requireIdentity(call);
      const check = request.MFARequiredCheck;
      const required = check && (await needsSessionMfa(context, identity, check.Target));
      if (required === false) return { MFARequired: MFARequired.MFA_REQUIRED_NO };
      const { username } = requireUser(call);
      const challenge = await createChallenge(context, username, scopeOf(request));
      return {
        ...challengeMessage(challenge),
        MFARequired: check ? answerOf(true) : MFARequired.MFA_REQUIRED_UNSPECIFIED,
      };
    },

    async createRegisterChallenge(request, call) {
      const caller = requireUser(call);
      assertNoToken(request.TokenID);
      const type = deviceTypes.get(request.DeviceType);
      if (!type) throw new Fault("invalid", "this type of second factor is not known");
      assertPlainUsage(request.DeviceUsage);
      const answer = readAnswer(request.ExistingMFAResponse);
      const shown =
        answer && (await requireSecondFactor(context, caller, answer, "manage-devices"));
      if (!shown && (await mustProveFirst(context, caller.username))) throw missingAnswer();
      const challenge = await beginRegistration(context, caller.username, type, shown);
      return registrationMessage(challenge, caller.username, context.clusterName);
    },

    async addMFADeviceSync(request, call) {
      const owner = ownerOf(call);
      assertNoToken(request.TokenID);
      assertPlainUsage(request.DeviceUsage);
      const answer = readRegistration(request.NewMFAResponse);
      const device = await finishRegistration(context, owner, request.NewDeviceName, answer);
      return { Device: mfaDeviceMessage(device) };
    },

    async deleteMFADeviceSync(request, call) {
      const caller = requireUser(call);
      assertNoToken(request.TokenID);
      const answer = readAnswer(request.ExistingMFAResponse);
      if (!answer) throw missingAnswer();
      await requireSecondFactor(context, caller, answer, "manage-devices");
      await removeDevice(context, ownerOf(call), request.DeviceName);
      return {};
    },
  };
}

function ownerOf(call: AuthCall): Owner {
  const caller = requireUser(call);
  return {
    user: caller.username,
    fields: { ...actorOf(caller), "addr.remote": call.peer.address },
  };
}

function missingAnswer(): Fault {
  return new Fault("invalid", "second factor authentication required", {
    hint: "show one that you have: tsh mfa asks for it",
  });
}

function answerOf(required: boolean): MFARequired {
  return required ? MFARequired.MFA_REQUIRED_YES : MFARequired.MFA_REQUIRED_NO;
}

/** People who are logged in ask for themselves; logins go through the proxy's web API. */
function scopeOf({ Request, ChallengeExtensions }: CreateAuthenticateChallengeRequest): Scope {
  if (Request.case !== undefined && Request.case !== "ContextUser") {
    throw new Fault("unimplemented", "challenges are for the user who is logged in", {
      hint: "log in with: tsh login",
    });
  }
  const scope = scopes.get(ChallengeExtensions?.scope ?? ChallengeScope.UNSPECIFIED);
  if (scope) return scope;
  throw new Fault("invalid", "a challenge needs a scope: managing devices, or a session");
}

/** Tokens of invitations and of recovery open nothing here: the invitation page has its own way. */
function assertNoToken(token: string): void {
  if (token !== "") throw new Fault("invalid", "log in to see or change second factors");
}

function assertPlainUsage(usage: DeviceUsage): void {
  if (usage !== DeviceUsage.PASSWORDLESS) return;
  throw new Fault("unimplemented", "login without a password is not available on this cluster", {
    hint: "register the key as a second factor",
  });
}
