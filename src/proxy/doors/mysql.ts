/** How MySQL begins at the proxy: the server speaks first, so nothing of the client is there to be read. */
import { Fault } from "#base/fault.ts";
import { encodeErrorOf } from "#dbwire/mysql/packets.ts";
import type { DatabaseProtocolDoor } from "./databases.ts";

/** MySQL at the door. */
export const mysqlDoor: DatabaseProtocolDoor = {
  async open(outer, { identified }) {
    if (identified) return { stream: outer, inner: undefined };
    throw new Fault("unproven", "this needs the certificate of a user for a database", {
      hint: "connect through: tsh proxy db --tunnel NAME",
    });
  },
  refusal: (fault) => encodeErrorOf(fault, 0, false),
};
