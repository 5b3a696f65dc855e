/** proto.AuthService, the second factors of a person. Secrets are no part of what is listed. */
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ServiceHandlers } from "#api/grpc/service.ts";
import type { Peer } from "#api/peer.ts";
import { Fault } from "#base/fault.ts";
import type { AuthService } from "#gen/proto/authservice_pb.ts";
import type { AuthContext } from "../../context.ts";
import type { TotpDevice } from "../../users/totp.ts";
import { requireUser } from "../guard.ts";

/** Handlers of the calls about second factors. */
export function mfaHandlers(context: AuthContext): ServiceHandlers<typeof AuthService, Peer> {
  return {
    /** People see their own; a token of an invitation is not taken here. */
    async getMFADevices({ TokenID }, call) {
      if (TokenID !== "") throw new Fault("invalid", "log in to see second factors");
      const { totpDevices } = await context.credentials.get(requireUser(call).username);
      return { Devices: totpDevices.map(totpMessage) };
    },
  };
}

function totpMessage({ id, name, addedAt, lastUsed }: TotpDevice) {
  return {
    kind: "mfa_device",
    subKind: "TOTP",
    version: "v1",
    metadata: { Name: name, Namespace: "default" },
    id,
    addedAt: timestampFromDate(new Date(addedAt)),
    lastUsed: timestampFromDate(new Date(lastUsed)),
    device: { case: "totp" as const, value: {} },
  };
}
