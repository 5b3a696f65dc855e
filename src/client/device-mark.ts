/** Writes what may be public about a device-bearing identity into the profile. The private keys stay in memory. */
import { formatAuthorizedKey } from "#ssh/public-key.ts";
import type { ClientIdentity } from "./cluster/identity.ts";
import { writePrivate } from "./profile/files.ts";
import { withProfileLock } from "./profile/lock.ts";
import type { StoredLogin } from "./profile/logins.ts";
import { loginPaths } from "./profile/paths.ts";
import { certificateStamp, writeDeviceMark } from "./profile/summary.ts";

/** Marks the login, unless it was replaced since `stamp` was taken. */
export async function markDevice(
  login: StoredLogin,
  stamp: string,
  agent: string,
  identity: ClientIdentity,
): Promise<void> {
  const { assetTag } = identity;
  if (assetTag === undefined) return;
  await withProfileLock(login.folder, () => {
    if (certificateStamp(login) !== stamp) return;
    writePrivate(
      loginPaths(login.folder, login.key).deviceCertificate,
      `${formatAuthorizedKey(identity.ssh.certificate, login.key.user)}\n`,
    );
    writeDeviceMark(login, {
      agent,
      assetTag,
      login: stamp,
      expires: identity.expires.toISOString(),
    });
  });
}
