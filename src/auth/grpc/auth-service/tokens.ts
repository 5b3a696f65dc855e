/** proto.AuthService, join tokens and the links with which people set their own credentials. */

import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { assertAllowed } from "#access/decision.ts";
import { mayChangeUser } from "#access/may-grant.ts";
import { decodeResource, encodeResource } from "#api/convert/resource.ts";
import type { ServiceHandlers } from "#api/grpc/service.ts";
import type { Peer } from "#api/peer.ts";
import { actorOf } from "#audit/actor.ts";
import { formatDuration } from "#base/duration.ts";
import { Fault } from "#base/fault.ts";
import type { AuthService } from "#gen/proto/authservice_pb.ts";
import type { ProvisionTokenV2 } from "#gen/types/provision_token_pb.ts";
import type { Identity } from "#identity/identity.ts";
import type { Token } from "#resource/token.ts";
import type { User } from "#resource/user.ts";
import type { AuthContext } from "../../context.ts";
import { loadPolicy } from "../../policy.ts";
import type { Invitation, InvitationKind } from "../../users/invitation.ts";
import { type AuthCall, authorize } from "../guard.ts";
import { pageOptions } from "../paging.ts";

/** Handlers of the token calls. */
export function tokenHandlers(context: AuthContext): ServiceHandlers<typeof AuthService, Peer> {
  const { tokens } = context.stores;
  const encode = (token: Token) => encodeResource("token", token);

  async function write(
    call: AuthCall,
    message: ProvisionTokenV2 | undefined,
    verbs: readonly ("create" | "update")[],
    store: (token: Token) => Promise<Token>,
  ) {
    const caller = await authorize(context, call, "token", ...verbs);
    if (!message) throw new Fault("invalid", "the request carries no token");
    const token = decodeResource("token", message);
    await context.audit.record("join_token.create", {
      ...actorOf(caller),
      roles: token.spec.roles,
      join_method: token.spec.join_method,
      ...(token.metadata.expires ? { expires: token.metadata.expires } : {}),
    });
    await store(token);
    return {};
  }

  return {
    async getToken({ Name }, call) {
      await authorize(context, call, "token", "read");
      return encode(await tokens.get(Name));
    },

    async getTokens(_request, call) {
      await authorize(context, call, "token", "list", "read");
      return { ProvisionTokens: (await tokens.all()).map(encode) };
    },

    async listProvisionTokens({ Limit, StartKey }, call) {
      await authorize(context, call, "token", "list", "read");
      const page = await tokens.list(pageOptions(Limit, StartKey));
      return { Tokens: page.documents.map(encode), NextKey: page.next ?? "" };
    },

    createTokenV2: ({ Token: { value } }, call) =>
      write(call, value, ["create"], (token) => tokens.create(token)),
    upsertTokenV2: ({ Token: { value } }, call) =>
      write(call, value, ["create", "update"], (token) => tokens.upsert(token)),

    async deleteToken({ Name }, call) {
      const caller = await authorize(context, call, "token", "delete");
      const token = await tokens.get(Name);
      await context.audit.record("join_token.delete", {
        ...actorOf(caller),
        roles: token.spec.roles,
        join_method: token.spec.join_method,
      });
      await tokens.delete(Name);
      return {};
    },

    async createResetPasswordToken({ Name, Type, TTL }, call) {
      const caller = await authorize(context, call, "user", "update");
      const kind = invitationKind(Type);
      await assertMayReset(context, caller, await context.stores.users.get(Name));
      const record = async ({ created, expires }: Invitation) => {
        await context.audit.record("reset_password_token.create", {
          ...actorOf(caller),
          name: Name,
          expires,
          ttl: formatDuration(Date.parse(expires) - Date.parse(created)),
        });
      };
      const ttlMs = Number(TTL) / 1e6;
      const { token, invitation } = await context.invitations.create(Name, kind, ttlMs, record);
      const expires = new Date(invitation.expires);
      const created = new Date(invitation.created);
      const page = kind === "invite" ? "invite" : "reset";
      return {
        Kind: "user_token",
        SubKind: kind,
        Version: "v3",
        Metadata: { Name: token, Namespace: "default", Expires: timestampFromDate(expires) },
        Spec: {
          User: Name,
          URL: `https://${context.proxyAddress()}/web/${page}/${token}`,
          Created: timestampFromDate(created),
        },
      };
    },
  };
}

/** Whoever sets a user's credentials can act as that user, so it takes what granting the user's roles takes. */
async function assertMayReset(context: AuthContext, identity: Identity, user: User): Promise<void> {
  const { roles } = await loadPolicy(context);
  const { roles: held, traits } = user.spec;
  const granter = { identity, roles, mode: "permissive" } as const;
  assertAllowed(mayChangeUser(granter, { roles: [], traits: {} }, { roles: held, traits }));
}

function invitationKind(type: string): InvitationKind {
  if (type === "invite" || type === "password") return type;
  throw new Fault("invalid", `"${type}" is not a kind of link: use "invite" or "password"`);
}
