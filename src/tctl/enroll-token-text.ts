/** How enrollment tokens are written for programs. */
import type { IssuedToken } from "./auth-client.ts";

/** The document of `--format=json`. */
export function presentToken(token: IssuedToken) {
  const { id, deviceId, assetTag, osType, createdBy, created, expires, onlyFor } = token;
  return {
    id,
    device_id: deviceId,
    asset_tag: assetTag,
    ...(osType === undefined ? {} : { os_type: osType }),
    created_by: createdBy,
    ...(created === undefined ? {} : { created: created.toISOString() }),
    ...(expires === undefined ? {} : { expires: expires.toISOString() }),
    ...(onlyFor === undefined ? {} : { only_for: onlyFor }),
  };
}
