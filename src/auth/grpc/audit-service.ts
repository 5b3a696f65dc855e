/** gatehouse.v1.AuditService: the audit log for those whose roles let them read it. */
import { type Timestamp, timestampDate } from "@bufbuild/protobuf/wkt";
import type { ServiceHandlers } from "#api/grpc/service.ts";
import type { Peer } from "#api/peer.ts";
import { utf8 } from "#base/bytes.ts";
import { Fault } from "#base/fault.ts";
import type { AuditService } from "#gen/gatehouse/v1/admin_pb.ts";
import type { AuthContext } from "../context.ts";
import { authorize } from "./guard.ts";
import { readPageSize } from "./paging.ts";

const maxKinds = 100;
const maxText = 512;

/** The handlers of AuditService. */
export function auditService(context: AuthContext): ServiceHandlers<typeof AuditService, Peer> {
  return {
    async searchEvents({ kinds, user, device, from, to, limit, pageToken, descending }, call) {
      await authorize(context, call, "event", "list", "read");
      if (kinds.length > maxKinds || [...kinds, user, device].some((t) => t.length > maxText)) {
        throw new Fault("invalid", "the search of the audit log is too long");
      }
      const page = await context.events.search({
        types: kinds,
        ...(user === "" ? {} : { user }),
        ...(device === "" ? {} : { device }),
        ...(from ? { from: dateOf(from) } : {}),
        ...(to ? { to: dateOf(to) } : {}),
        ...(pageToken === "" ? {} : { after: pageToken }),
        order: descending ? "descending" : "ascending",
        limit: readPageSize(limit),
      });
      return {
        events: page.events.map((event) => utf8(JSON.stringify(event))),
        nextPageToken: page.next ?? "",
      };
    },
  };
}

/** The years that times in the log can have: others would not sort as text. */
function dateOf(time: Timestamp): Date {
  const date = timestampDate(time);
  const year = date.getUTCFullYear();
  if (year >= 1970 && year <= 9999) return date;
  throw new Fault("invalid", "a search of the audit log needs times between 1970 and 9999");
}
