/**
 * Locks: whether one is in force against an identity or what it wants to reach. A lock that names several things
 * strikes each of them, as in the public API. A lock whose end cannot be read is in force.
 */
import type { DeviceExtensions, Identity } from "#identity/identity.ts";
import type { Lock, LockTarget } from "#resource/lock.ts";

/** The names that messages use (public API: `lock targeting Device:"…" is in force`). */
const titles: Readonly<Record<keyof LockTarget, string>> = {
  user: "User",
  role: "Role",
  login: "Login",
  node: "Node",
  mfa_device: "MFADevice",
  windows_desktop: "WindowsDesktop",
  access_request: "AccessRequest",
  device: "Device",
  server_id: "ServerID",
  bot_instance_id: "BotInstanceID",
  join_token: "JoinToken",
};

/** A lock in force, and the name by which it strikes. */
export interface LockInForce {
  readonly lock: Lock;
  readonly field: keyof LockTarget;
  readonly value: string;
}

/** What else than the identity a lock may name. */
export type Lockable = Readonly<Pick<LockTarget, "login" | "server_id">>;

/** The first lock in force against the identity or against what it wants to reach, or undefined. */
export function findLock(
  identity: Identity,
  locks: readonly Lock[],
  now: Date,
  lockable: Lockable = {},
): LockInForce | undefined {
  const struck = struckBy(identity, lockable);
  for (const lock of locks) {
    if (!isInForce(lock, now)) continue;
    for (const [field, values] of struck) {
      const value = lock.spec.target[field];
      if (value !== undefined && value !== "" && values.includes(value))
        return { lock, field, value };
    }
  }
  return undefined;
}

/** True until the lock expires; a lock without an end is always in force. */
export function isInForce(lock: Lock, now: Date): boolean {
  const end = Date.parse(lock.spec.expires ?? "");
  return Number.isNaN(end) || now.getTime() < end;
}

/** `lock targeting User:"alice" is in force`, followed by what the administrator wrote. */
export function lockMessage({ lock, field, value }: LockInForce): string {
  const text = `lock targeting ${titles[field]}:"${value}" is in force`;
  const message = lock.spec.message ?? "";
  return message === "" ? text : `${text}: ${message}`;
}

function struckBy(
  identity: Identity,
  lockable: Lockable,
): readonly (readonly [keyof LockTarget, readonly string[]])[] {
  const servers = present(lockable.server_id);
  if (identity.kind === "system") {
    const hosts = [identity.hostId, ...servers];
    return [
      ["server_id", hosts],
      ["node", [...hosts, `${identity.hostId}.${identity.cluster}`]],
    ];
  }
  return [
    ["user", [identity.username]],
    ["role", identity.roles],
    ["login", present(lockable.login)],
    ["server_id", servers],
    ["node", servers],
    ["device", deviceTargets(identity.device)],
    ["mfa_device", present(identity.mfaVerified)],
    ["access_request", identity.activeRequests],
  ];
}

/**
 * A lock on a device strikes whatever its key, be it named by its id or its asset tag; one on device and credential strikes
 * that enrollment only.
 */
function deviceTargets(device: DeviceExtensions | undefined): readonly string[] {
  if (device === undefined) return [];
  const { deviceId, assetTag, credentialId } = device;
  return [deviceId, ...present(assetTag), deviceLockTarget(deviceId, credentialId)];
}

/** The lock target for one credential of a device: what certificates from a past enrollment are struck by. */
export function deviceLockTarget(deviceId: string, credentialId: string): string {
  return `${deviceId}/${credentialId}`;
}

/** True when the lock stands for an enrollment that is over, not for what an administrator locked. */
export function isRevocation({ field, value }: Pick<LockInForce, "field" | "value">): boolean {
  return field === "device" && value.includes("/");
}

/** How the names of locks begin that take the place of a deleted user until the last certificate of it has expired. */
export const deletedUserPrefix = "deleted-user-";

/**
 * What the removal of a lock makes good again besides what an administrator locked: certificates of a user that was
 * deleted, or of an enrollment that is over. Undefined for a lock that somebody made.
 */
export function replacedBy({
  metadata,
  spec,
}: Lock): "deleted user" | "past enrollment" | undefined {
  const { user, device = "" } = spec.target;
  if (user !== undefined && metadata.name?.startsWith(deletedUserPrefix)) return "deleted user";
  return isRevocation({ field: "device", value: device }) ? "past enrollment" : undefined;
}

function present(value: string | undefined): readonly string[] {
  return value === undefined ? [] : [value];
}
