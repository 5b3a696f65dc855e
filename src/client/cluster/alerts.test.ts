import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import { alertsPath, decodeAlerts, encodeAlertsRequest } from "#client/cluster/alerts.ts";
import { AuthService } from "#gen/proto/authservice_pb.ts";
import { GetClusterAlertsResponseSchema } from "#gen/proto/cluster_pb.ts";
import { AlertSeverity, GetClusterAlertsRequestSchema } from "#gen/types/cluster_alert_pb.ts";

test("path and request are those of the generated service", () => {
  const { parent, name } = AuthService.method.getClusterAlerts;
  assert.equal(alertsPath, `/${parent.typeName}/${name}`);
  const { Labels } = fromBinary(GetClusterAlertsRequestSchema, encodeAlertsRequest());
  assert.deepEqual({ ...Labels }, { "teleport.internal/alert-on-login": "yes" });
});

test("the sentences of a generated answer are read, in their order", () => {
  const alert = (Message: string) => ({
    Header: { Kind: "cluster_alert", Metadata: { Name: Message } },
    Spec: { Severity: AlertSeverity.HIGH, Message, Created: { seconds: 1n } },
  });
  const answer = create(GetClusterAlertsResponseSchema, { Alerts: [alert("one"), alert("two")] });
  assert.deepEqual(decodeAlerts(toBinary(GetClusterAlertsResponseSchema, answer)), ["one", "two"]);
});

test("any bytes are read or refused as malformed", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        decodeAlerts(bytes);
      } catch (error) {
        assert.ok(isFault(error, "malformed"), String(error));
      }
    }),
    { numRuns: 2000 },
  );
});
