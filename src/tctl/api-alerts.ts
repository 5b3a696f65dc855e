/** The alerts of the cluster over the public API. */
import { timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { Client } from "#api/grpc/client.ts";
import type { AuthService } from "#gen/proto/authservice_pb.ts";
import { AlertSeverity } from "#gen/types/cluster_alert_pb.ts";
import type { Alert, AlertCalls } from "./auth-client.ts";

const severities = {
  low: AlertSeverity.LOW,
  medium: AlertSeverity.MEDIUM,
  high: AlertSeverity.HIGH,
} as const;

function wordOf(severity: AlertSeverity): Alert["severity"] {
  if (severity >= AlertSeverity.HIGH) return "high";
  return severity >= AlertSeverity.MEDIUM ? "medium" : "low";
}

/** The calls about alerts. */
export function alertCallsOver(auth: Client<typeof AuthService>): AlertCalls {
  return {
    async listAlerts(acknowledged) {
      const { Alerts } = await auth.getClusterAlerts({
        WithUntargeted: true,
        WithAcknowledged: acknowledged,
      });
      return Alerts.map(({ Header, Spec }) => ({
        id: Header?.Metadata?.Name ?? "",
        severity: wordOf(Spec?.Severity ?? AlertSeverity.LOW),
        message: Spec?.Message ?? "",
        labels: Header?.Metadata?.Labels ?? {},
        expires: Header?.Metadata?.Expires && timestampDate(Header.Metadata.Expires),
      }));
    },
    async createAlert({ id, severity, message, labels, expires }) {
      const end = expires ? { Expires: timestampFromDate(expires) } : {};
      await auth.upsertClusterAlert({
        Alert: {
          Header: { Metadata: { Name: id, Labels: { ...labels }, ...end } },
          Spec: { Severity: severities[severity], Message: message },
        },
      });
    },
    async ackAlert(id, reason, expires) {
      await auth.createAlertAck({
        AlertID: id,
        Reason: reason,
        Expires: timestampFromDate(expires),
      });
    },
    async listAlertAcks() {
      const { Acks } = await auth.getAlertAcks({});
      return Acks.map(({ AlertID, Reason, Expires }) => ({
        id: AlertID,
        reason: Reason,
        expires: Expires && timestampDate(Expires),
      }));
    },
    async clearAlertAck(id) {
      await auth.clearAlertAcks({ AlertID: id });
    },
  };
}
