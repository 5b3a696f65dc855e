/** gatehouse.v1.WebSessionService: sessions of the browsers at a proxy's door. Only a proxy may call. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ServiceHandlers } from "#api/grpc/service.ts";
import type { Peer } from "#api/peer.ts";
import type { WebSessionSchema, WebSessionService } from "#gen/gatehouse/v1/web_pb.ts";
import type { AuthContext } from "../context.ts";
import { DeviceInventory } from "../devices/inventory.ts";
import { offerWebToken } from "../devices/web-offer.ts";
import { WebTokens } from "../devices/web-tokens.ts";
import { readLoginAnswer } from "../mfa/webauthn-json.ts";
import { loadPolicy } from "../policy.ts";
import { identityOfLogin } from "../users/identity.ts";
import { proveLogin } from "../users/login.ts";
import { recordLogin } from "../users/record-login.ts";
import { trustedDeviceRequirement } from "../web/requirement.ts";
import {
  createWebSession,
  deleteWebSession,
  openWebSession,
  type WebSession,
} from "../web/sessions.ts";
import { requireSystem } from "./guard.ts";

/** The handlers of WebSessionService. */
export function webSessionService(
  context: AuthContext,
): ServiceHandlers<typeof WebSessionService, Peer> {
  const inventory = new DeviceInventory(context);
  const webTokens = new WebTokens(context);

  return {
    async createWebSession(request, call) {
      requireSystem(call, "Proxy");
      const { user, password, clientIp, userAgent, maxTouchPoints } = request;
      const client = { clientIp, userAgent };
      const answer = readLoginAnswer(request);
      const proven = await proveLogin(context, user, password, answer, client);
      const identity = await identityOfLogin(context, proven.user, {
        ...{ ttlMs: 0, clientIp, routeToCluster: "", kubernetesCluster: "" },
      });
      await recordLogin(context, identity, proven.device, client);
      const { cookie, session } = await createWebSession(context, identity);
      const browser = { userAgent, address: clientIp, maxTouchPoints };
      const offered = await offerWebToken({ context, inventory, webTokens }, session, browser);
      return {
        cookie: cookie.reveal(),
        session: await sessionMessage(context, session),
        ...(offered && {
          deviceWebToken: { id: offered.id, token: offered.token.reveal() },
        }),
      };
    },

    async getWebSession({ cookie, clientIp }, call) {
      requireSystem(call, "Proxy");
      return sessionMessage(context, await openWebSession(context, cookie, clientIp));
    },

    async deleteWebSession({ cookie }, call) {
      requireSystem(call, "Proxy");
      await deleteWebSession(context, cookie);
      return {};
    },
  };
}

async function sessionMessage(
  context: AuthContext,
  { id, identity }: WebSession,
): Promise<MessageInitShape<typeof WebSessionSchema>> {
  return {
    id,
    user: identity.username,
    expires: timestampFromDate(identity.expires),
    assetTag: identity.device?.assetTag ?? "",
    trustedDeviceRequirement: trustedDeviceRequirement(identity, await loadPolicy(context)),
  };
}
