/** The enrollment tokens that are out, over gatehouse.v1. Their secrets are nowhere. */
import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { Client } from "#api/grpc/client.ts";
import type { DeviceAdminService, EnrollToken } from "#gen/gatehouse/v1/admin_pb.ts";
import { osTypes } from "#resource/device.ts";
import type { EnrollTokenCalls, IssuedToken } from "./auth-client.ts";

/** The calls about enrollment tokens. */
export function enrollTokenCallsOver(admin: Client<typeof DeviceAdminService>): EnrollTokenCalls {
  return {
    async listEnrollTokens(device = "") {
      return (await admin.listEnrollTokens({ device })).tokens.map(readToken);
    },
    getEnrollToken: async (id) => readToken(await admin.getEnrollToken({ id })),
    async revokeEnrollToken(id) {
      await admin.revokeEnrollToken({ id });
    },
  };
}

function readToken(token: EnrollToken): IssuedToken {
  const { id, deviceId, assetTag, osType, createdBy, created, expires, user } = token;
  return {
    ...{ id, deviceId, assetTag, createdBy },
    osType: osTypes.find((known) => known === osType),
    created: created && timestampDate(created),
    expires: expires && timestampDate(expires),
    onlyFor: user || undefined,
  };
}
