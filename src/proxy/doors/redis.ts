/** How Redis begins at the proxy: at once, or with TLS inside where the outer connection showed no certificate. */
import { encodeErrorOf } from "#dbwire/redis/replies.ts";
import type { DatabaseProtocolDoor } from "./databases.ts";

/** Redis at the door. */
export const redisDoor: DatabaseProtocolDoor = {
  async open(outer, { secure, identified }) {
    if (identified) return { stream: outer, inner: undefined };
    const inner = await secure(outer);
    return { stream: inner, inner };
  },
  refusal: encodeErrorOf,
};
