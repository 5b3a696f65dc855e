/** proto.AuthService, alerts of the cluster and their acknowledgements. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ServiceHandlers } from "#api/grpc/service.ts";
import type { Peer } from "#api/peer.ts";
import { actorOf } from "#audit/actor.ts";
import { Fault } from "#base/fault.ts";
import { uuid } from "#base/random.ts";
import type { AuthService } from "#gen/proto/authservice_pb.ts";
import type { AlertSeverity, ClusterAlertSchema } from "#gen/types/cluster_alert_pb.ts";
import type { Identity } from "#identity/identity.ts";
import { type ClusterAlert, isMeantFor, newAlert, selectAlerts } from "../../alerts.ts";
import type { AuthContext } from "../../context.ts";
import { type AuthCall, authorize, mayUse, type RuleVerb, requireIdentity } from "../guard.ts";

const kind = "cluster_alert";
const ackKind = "cluster_alert_ack";
const longestReason = 512;

/** Handlers of the calls about alerts. */
export function alertHandlers(context: AuthContext): ServiceHandlers<typeof AuthService, Peer> {
  const { alerts, alertAcks } = context.stores;

  async function record(caller: Identity, type: "write" | "delete", what: string, name: string) {
    await context.audit.record(`resource.${type}`, { ...actorOf(caller), kind: what, name });
  }

  return {
    /** Everybody sees what is meant for them; who may read them all can ask for all. */
    async getClusterAlerts(request, call) {
      requireIdentity(call);
      const all = await alerts.all();
      const readsAll =
        request.WithUntargeted &&
        (await mayUse(context, call, kind, "list")) &&
        (await mayUse(context, call, kind, "read"));
      const acked = request.WithAcknowledged
        ? []
        : (await alertAcks.all()).map(({ metadata }) => metadata.name);
      const visible: ClusterAlert[] = [];
      for (const alert of all) {
        if (acked.includes(alert.metadata.name)) continue;
        if (readsAll || (await isMeantFor(alert, (...rule) => mayDo(context, call, ...rule)))) {
          visible.push(alert);
        }
      }
      const found = selectAlerts(visible, {
        severity: request.Severity,
        id: request.AlertID,
        labels: request.Labels,
        withSuperseded: request.WithSuperseded,
      });
      return { Alerts: found.map(alertMessage) };
    },

    async upsertClusterAlert({ Alert }, call) {
      const caller = await authorize(context, call, kind, "create", "update");
      const metadata = Alert?.Header?.Metadata;
      if (!Alert?.Spec || !metadata) throw new Fault("invalid", "the request carries no alert");
      const expires = metadata.Expires && timestampDate(metadata.Expires);
      const alert = newAlert({
        name: metadata.Name || uuid(context.random),
        labels: metadata.Labels,
        expires: expires && expires.getTime() > 0 ? expires : undefined,
        severity: Alert.Spec.Severity,
        message: Alert.Spec.Message,
        now: context.clock.now(),
      });
      await record(caller, "write", kind, alert.metadata.name);
      await alerts.upsert(alert);
      return {};
    },

    async createAlertAck({ AlertID: name, Reason: reason, Expires }, call) {
      const caller = await authorize(context, call, kind, "create", "update");
      await alerts.get(name);
      if (reason.length > longestReason) throw new Fault("invalid", "the reason is too long");
      const expires = Expires && timestampDate(Expires);
      if (!expires || expires <= context.clock.now()) {
        throw new Fault("invalid", "an acknowledgement ends at a time that lies ahead");
      }
      await record(caller, "write", ackKind, name);
      const metadata = { name, expires: expires.toISOString() };
      await alertAcks.upsert({ kind: ackKind, metadata, spec: { reason } });
      return {};
    },

    async getAlertAcks(_request, call) {
      await authorize(context, call, kind, "list", "read");
      const acks = await alertAcks.all();
      return {
        Acks: acks.map(({ metadata, spec }) => ({
          AlertID: metadata.name,
          Reason: spec.reason,
          ...(metadata.expires ? { Expires: timestampFromDate(new Date(metadata.expires)) } : {}),
        })),
      };
    },

    async clearAlertAcks({ AlertID }, call) {
      const caller = await authorize(context, call, kind, "delete");
      const all = (await alertAcks.all()).map(({ metadata }) => metadata.name);
      const cleared = AlertID === "*" ? all : all.filter((name) => name === AlertID);
      if (cleared.length === 0 && AlertID !== "*") {
        throw new Fault("not-found", `no acknowledgement of alert "${AlertID.slice(0, 64)}"`);
      }
      for (const name of cleared) {
        await record(caller, "delete", ackKind, name);
        await alertAcks.delete(name);
      }
      return {};
    },
  };
}

/** Labels name any verb; those that rules do not know allow nothing. */
const verbs: readonly string[] = ["list", "create", "read", "readnosecrets", "update", "delete"];

function mayDo(context: AuthContext, call: AuthCall, of: string, verb: string): Promise<boolean> {
  return verbs.includes(verb)
    ? mayUse(context, call, of, verb as RuleVerb)
    : Promise.resolve(false);
}

function alertMessage({
  metadata,
  spec,
}: ClusterAlert): MessageInitShape<typeof ClusterAlertSchema> {
  return {
    Header: {
      Kind: kind,
      Version: "v1",
      Metadata: {
        Name: metadata.name,
        Namespace: "default",
        Labels: metadata.labels ?? {},
        ...(metadata.expires ? { Expires: timestampFromDate(new Date(metadata.expires)) } : {}),
      },
    },
    Spec: {
      Severity: spec.severity as AlertSeverity,
      Message: spec.message,
      Created: timestampFromDate(new Date(spec.created)),
    },
  };
}
