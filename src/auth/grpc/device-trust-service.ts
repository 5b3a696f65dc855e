/** teleport.devicetrust.v1.DeviceTrustService: the inventory, enrollment tokens, and the two ceremonies. */
import { create } from "@bufbuild/protobuf";
import { timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ServiceHandlers } from "#api/grpc/service.ts";
import type { Peer } from "#api/peer.ts";
import { deviceEventActorOf } from "#audit/actor.ts";
import { Fault } from "#base/fault.ts";
import { assertEnrollTokenExpiry, type EnrollToken } from "#devicetrust/token.ts";
import { DeviceEnrollTokenSchema } from "#gen/teleport/devicetrust/v1/device_pb.ts";
import { type DeviceTrustService, DeviceView } from "#gen/teleport/devicetrust/v1/service_pb.ts";
import { AccountUsageType } from "#gen/teleport/devicetrust/v1/usage_pb.ts";
import type { Device } from "#resource/device.ts";
import type { AuthContext } from "../context.ts";
import { createAutoEnrollToken } from "../devices/auto-enroll.ts";
import { createDevices } from "../devices/bulk.ts";
import type { EnrollContext } from "../devices/enroll.ts";
import { deviceFields, recordSuccess } from "../devices/events.ts";
import { listInFull } from "../devices/full-listing.ts";
import { DeviceInventory } from "../devices/inventory.ts";
import { readCollectedData } from "../devices/messages.ts";
import { listRows } from "../devices/rows.ts";
import { EnrollTokens } from "../devices/tokens.ts";
import { deviceMessage, listMessage } from "../devices/views.ts";
import { confirmWebAuthentication } from "../devices/web-confirm.ts";
import { ConfirmationTokens, WebTokens } from "../devices/web-tokens.ts";
import { createDevice, deleteDevice, updateById, upsertDevice } from "../devices/write.ts";
import {
  authenticateDeviceHandler,
  type CeremonyLimits,
  ceremonyLimits,
  enrollDeviceHandler,
} from "./device-ceremonies.ts";
import { syncInventoryHandler } from "./device-sync.ts";
import { type AuthCall, authorize, requireIdentity, requireUser } from "./guard.ts";
import { pageOptions } from "./paging.ts";

/** The handlers of DeviceTrustService. */
export function deviceTrustService(
  context: AuthContext,
  limits: CeremonyLimits = ceremonyLimits,
): ServiceHandlers<typeof DeviceTrustService, Peer> {
  const inventory = new DeviceInventory(context);
  const tokens = new EnrollTokens(context);
  const webTokens = new WebTokens(context);
  const confirmations = new ConfirmationTokens(context);
  const parts = { context, inventory, tokens, webTokens, confirmations };

  return {
    async createDevice({ device, createAsResource, ...wish }, call) {
      const verbs = wish.createEnrollToken ? (["create", "create_enroll_token"] as const) : [];
      await authorize(context, call, "device", "create", ...verbs);
      const expires = wish.enrollTokenExpireTime && timestampDate(wish.enrollTokenExpireTime);
      // A token that cannot be made must not leave a device behind.
      if (wish.createEnrollToken && expires) assertEnrollTokenExpiry(expires, context.clock.now());
      const state = await createDevice(parts, call, device, createAsResource);
      const message = deviceMessage(state, "resource");
      if (!wish.createEnrollToken) return message;
      const made = await createToken(parts, call, state.device, expires);
      message.enrollToken = create(DeviceEnrollTokenSchema, tokenMessage(made));
      return message;
    },

    async updateDevice({ device, updateMask }, call) {
      await authorize(context, call, "device", "update");
      const paths = updateMask && updateMask.paths.length > 0 ? updateMask.paths : undefined;
      return deviceMessage(await updateById(parts, call, device, paths), "resource");
    },

    async upsertDevice({ device, createAsResource }, call) {
      await authorize(context, call, "device", "create", "update");
      return deviceMessage(await upsertDevice(parts, call, device, createAsResource), "resource");
    },

    async deleteDevice({ deviceId }, call) {
      await authorize(context, call, "device", "delete");
      await deleteDevice(parts, call, deviceId);
      return {};
    },

    async bulkCreateDevices({ devices, createAsResource }, call) {
      await authorize(context, call, "device", "create");
      return { devices: await createDevices(parts, call, devices, createAsResource) };
    },

    async findDevices({ idOrTag }, call) {
      await authorize(context, call, "device", "list", "read");
      const found = await inventory.findAll(idOrTag);
      return { devices: found.map((state) => deviceMessage(state, "resource")) };
    },

    async getDevice({ deviceId }, call) {
      await authorize(context, call, "device", "read");
      return deviceMessage(await inventory.get(deviceId), "resource");
    },

    async listDevices({ pageSize, pageToken, view }, call) {
      const full = view === DeviceView.RESOURCE;
      await authorize(context, call, "device", "list", ...(full ? (["read"] as const) : []));
      const options = devicePage(pageSize, pageToken);
      return full ? listInFull(parts, options) : listRows(context.backend, options);
    },

    /** People see their own devices without a permission. */
    async listDevicesByUser({ pageSize, pageToken }, call) {
      const { username } = requireUser(call);
      const page = await inventory.listOwned(username, devicePage(pageSize, pageToken));
      const devices = page.states.map(({ device }) => listMessage(device));
      return { devices, nextPageToken: page.next ?? "" };
    },

    async createDeviceEnrollToken({ deviceId, deviceData, expireTime }, call) {
      if (deviceData) {
        if (deviceId !== "") throw new Fault("invalid", "send either device_id or device_data");
        return tokenMessage(
          await createAutoEnrollToken(parts, call, readCollectedData(deviceData)),
        );
      }
      await authorize(context, call, "device", "create_enroll_token");
      if (deviceId === "") throw new Fault("invalid", "missing device id");
      const { device } = await inventory.get(deviceId);
      const expires = expireTime && timestampDate(expireTime);
      return tokenMessage(await createToken(parts, call, device, expires));
    },

    /** Nothing is limited here; the call is for old clients that ask. */
    async getDevicesUsage(_request, call) {
      await authorize(context, call, "device", "list");
      return {
        accountUsageType: AccountUsageType.UNLIMITED,
        devicesInUse: await inventory.countCredentials(),
      };
    },

    enrollDevice: enrollDeviceHandler(parts, limits),
    authenticateDevice: authenticateDeviceHandler(parts, limits),

    async confirmDeviceWebAuthentication({ confirmationToken, currentWebSessionId }, call) {
      const { id = "", token = "" } = confirmationToken ?? {};
      await confirmWebAuthentication(parts, call, { id, token }, currentWebSessionId);
      return {};
    },

    syncInventory: syncInventoryHandler(parts),
  };
}

async function createToken(
  { context, tokens }: EnrollContext,
  call: AuthCall,
  device: Device,
  expires: Date | undefined,
): Promise<EnrollToken> {
  const { user } = deviceEventActorOf(requireIdentity(call));
  const made = await tokens.create({ deviceId: device.metadata.name, expires }, user);
  await recordSuccess(context, "device.token.create", call, deviceFields(device));
  return made;
}

function tokenMessage({ token, record }: EnrollToken) {
  return { token: token.reveal(), expireTime: timestampFromDate(record.expires) };
}

/** A page of devices: its token is the id of a device. */
function devicePage(size: number, token: string) {
  if (token !== "" && !/^[0-9a-f-]{36}$/.test(token)) {
    throw new Fault("invalid", "the page token is none of this listing");
  }
  return pageOptions(size, token);
}
