/**
 * gatehouse.v1.ExplainService: the reason behind the id that a refusal shows, what is known of the device in front of a
 * person, and what a device mode would change.
 */
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ServiceHandlers } from "#api/grpc/service.ts";
import type { Peer } from "#api/peer.ts";
import type { AuditEvent } from "#audit/event.ts";
import { utf8 } from "#base/bytes.ts";
import { Fault } from "#base/fault.ts";
import type { ExplainService } from "#gen/gatehouse/v1/admin_pb.ts";
import { evidenceReasons } from "#tpm/refusal.ts";
import { Budget } from "../budget.ts";
import type { AuthContext } from "../context.ts";
import { describeDevice, questionBudget } from "../devices/describe.ts";
import { lastAuthenticated } from "../devices/device-state.ts";
import { DeviceInventory } from "../devices/inventory.ts";
import { simulateDeviceTrust } from "../devices/simulate.ts";
import { authorize, mayUse, requireIdentity, requireSystem } from "./guard.ts";

/** Devices of a person that an answer names. */
const maxDevices = 100;

/** The handlers of ExplainService. */
export function explainService(context: AuthContext): ServiceHandlers<typeof ExplainService, Peer> {
  const inventory = new DeviceInventory(context);
  const questions = new Budget(context.clock, questionBudget);

  return {
    async explain({ id }, call) {
      const identity = requireIdentity(call);
      if (identity.kind === "system") requireSystem(call, "Admin");
      const event = await context.events.find(id);
      const concerned = identity.kind === "user" && event?.user === identity.username;
      const auditor = await mayUse(context, call, "event", "read");
      // Whoever may not read it does not learn that it is there.
      if (!event || !(concerned || auditor)) {
        throw new Fault("not-found", `there is no refusal with the id ${id}`, {
          hint: "copy the whole id; the person who was refused and auditors may ask",
        });
      }
      const { states } = await inventory.listOwned(event.user ?? "", { limit: maxDevices });
      const devices = states.map(({ device, record }) => {
        const last = lastAuthenticated(record);
        return {
          assetTag: device.spec.asset_tag,
          osType: device.spec.os_type,
          enrolled: device.spec.enroll_status === "enrolled",
          ...(last === undefined ? {} : { lastAuthenticated: timestampFromDate(last) }),
        };
      });
      const told = auditor ? event : asThePeerRead(event);
      return { event: utf8(JSON.stringify(told)), devices };
    },

    describeDevice: (request, call) =>
      describeDevice({ context, inventory, questions }, call, request),

    async *simulateDeviceTrust(request, call) {
      for (const kind of ["user", "role", "node", "device"]) {
        await authorize(context, call, kind, "list", "read");
      }
      await authorize(context, call, "cluster_auth_preference", "read");
      yield* simulateDeviceTrust(context, inventory, request);
    },
  };
}

/**
 * Which check evidence did not pass, or what the inventory expects, would teach whoever forges it: the person concerned reads
 * what the peer read.
 */
function asThePeerRead(event: AuditEvent): Readonly<Record<string, unknown>> {
  const { reason, message: _, ...rest } = event as Readonly<Record<string, unknown>>;
  const kept =
    typeof reason === "string" &&
    (Object.hasOwn(evidenceReasons, reason) || reason.startsWith("auto_enroll_"));
  return kept ? rest : event;
}
