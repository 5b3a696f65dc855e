/**
 * gatehouse.v1.UserService: credentials set at once, for scripts and for the first administrator. Only the local
 * administrator of the auth host may call; everybody else gets a link with which people choose for themselves.
 */
import type { ServiceHandlers } from "#api/grpc/service.ts";
import type { Peer } from "#api/peer.ts";
import type { UserService } from "#gen/gatehouse/v1/admin_pb.ts";
import { mfaDeviceFields } from "../audit/fields.ts";
import type { AuthContext } from "../context.ts";
import { createTotpDevice, type TotpDevice, totpUrl } from "../users/totp.ts";
import { requireSystem } from "./guard.ts";

/** The handlers of UserService. */
export function userAdminService(context: AuthContext): ServiceHandlers<typeof UserService, Peer> {
  return {
    async setPassword({ user, password, totp }, call) {
      requireSystem(call, "Admin");
      await context.stores.users.get(user);
      const passwordHash = await context.passwords.hash(password);
      const { clock, random } = context;
      const device = totp ? createTotpDevice("otp", clock.now(), random) : undefined;
      await recordChange(context, user, call.peer.address, device);
      // A new authenticator app takes the place of all other factors.
      const factors = device
        ? await context.credentials.secondFactors.replaceOperations(user, { devices: [device] })
        : [];
      const write = context.credentials.putOperation(user, { passwordHash });
      const present = {
        type: "check",
        key: context.stores.users.keyOf(user),
        if: "present",
      } as const;
      await context.backend.atomic([present, write, ...factors]);
      await context.credentials.clearAttempts(user);
      return { otpauthUrl: device ? totpUrl(device, user, context.clusterName) : "" };
    },
  };
}

async function recordChange(
  context: AuthContext,
  user: string,
  address: string,
  device: TotpDevice | undefined,
): Promise<void> {
  const common = { user, message: "set on the auth host", "addr.remote": address };
  await context.audit.record("user.password_change", common);
  if (!device) return;
  const { devices } = await context.credentials.secondFactors.get(user);
  for (const old of devices) {
    await context.audit.record("mfa.delete", { ...common, ...mfaDeviceFields(old) });
  }
  await context.audit.record("mfa.add", { ...common, ...mfaDeviceFields(device) });
}
