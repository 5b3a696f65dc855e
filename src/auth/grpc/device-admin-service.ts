/** gatehouse.v1.DeviceAdminService: the enrollment tokens that are out, without their secrets, and their end. */
import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ServiceHandlers } from "#api/grpc/service.ts";
import type { Peer } from "#api/peer.ts";
import { Fault } from "#base/fault.ts";
import { type DeviceAdminService, EnrollTokenSchema } from "#gen/gatehouse/v1/admin_pb.ts";
import type { AuthContext } from "../context.ts";
import { callerFields } from "../devices/events.ts";
import { DeviceInventory } from "../devices/inventory.ts";
import { EnrollTokens, type StoredToken } from "../devices/tokens.ts";
import { authorize } from "./guard.ts";

/** The most tokens that one answer holds. */
const maxTokens = 10_000;

/** The handlers of DeviceAdminService. */
export function deviceAdminService(
  context: AuthContext,
): ServiceHandlers<typeof DeviceAdminService, Peer> {
  const inventory = new DeviceInventory(context);
  const tokens = new EnrollTokens(context);

  async function tokensOf(device: string) {
    if (device === "") return tokens.list();
    const found = await inventory.findAll(device);
    if (found.length === 0) {
      throw new Fault("not-found", `device "${device}" not found`, {
        hint: "see the devices: tctl devices ls",
      });
    }
    const lists = found.map((state) => tokens.list(state.device.metadata.name));
    return (await Promise.all(lists)).flat();
  }

  /** The token as administrators see it. */
  async function tokenMessage({
    id,
    deviceId,
    expires,
    createdBy,
    created,
    username,
  }: StoredToken) {
    const spec = (await inventory.find(deviceId))?.device.spec;
    return {
      ...{ id, deviceId, createdBy },
      assetTag: spec?.asset_tag ?? "",
      osType: spec?.os_type ?? "",
      expires: timestampFromDate(expires),
      created: timestampFromDate(created),
      user: username ?? "",
    };
  }

  return {
    async listEnrollTokens({ device }, call) {
      await authorize(context, call, "device", "list", "read");
      const found = await tokensOf(device);
      if (found.length > maxTokens) {
        throw new Fault("limit", "there are too many enrollment tokens to list", {
          hint: "name a device",
        });
      }
      return { tokens: await Promise.all(found.map(tokenMessage)) };
    },

    async getEnrollToken({ id }, call) {
      await authorize(context, call, "device", "list", "read");
      return create(EnrollTokenSchema, await tokenMessage(await tokens.get(id)));
    },

    async revokeEnrollToken({ id }, call) {
      await authorize(context, call, "device", "create_enroll_token");
      const { deviceId } = await tokens.get(id);
      await context.audit.record("resource.delete", {
        ...callerFields(call),
        kind: "device_enroll_token",
        name: id,
        message: `token of device ${deviceId}`,
      });
      await tokens.revoke(id);
      return {};
    },
  };
}
