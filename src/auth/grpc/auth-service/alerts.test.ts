/** Alerts: who writes them, who sees them, who quiets them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { isFault } from "#base/fault.ts";
import type { GetClusterAlertsResponse } from "#gen/proto/cluster_pb.ts";
import { AlertSeverity } from "#gen/types/cluster_alert_pb.ts";
import { logIn } from "../../../../test/support/auth-person.ts";
import { startTestAuth } from "../../../../test/support/auth-service.ts";

const forAll = { "teleport.internal/alert-permit-all": "yes" };
const onLogin = { ...forAll, "teleport.internal/alert-on-login": "yes" };

/** A cluster with an editor, and a person who may do nothing. */
async function start() {
  const cluster = await startTestAuth();
  const editor = await (await logIn(cluster, "editor")).client.service("auth");
  const plain = await (await logIn(cluster, "plain", { roles: ["access"] })).client.service("auth");
  const raise = (
    Name: string,
    Message: string,
    more: object = {},
    Severity: AlertSeverity = AlertSeverity.LOW,
  ) =>
    editor.upsertClusterAlert({
      Alert: { Header: { Metadata: { Name, ...more } }, Spec: { Severity, Message } },
    });
  return { cluster, editor, plain, raise };
}

const names = ({ Alerts }: GetClusterAlertsResponse) =>
  Alerts.map(({ Header }) => Header?.Metadata?.Name);

const later = (cluster: { clock: { now(): Date } }, ms: number) =>
  timestampFromDate(new Date(cluster.clock.now().getTime() + ms));

test("people see what is meant for them, editors may ask for all, what matters most first", async () => {
  const { cluster, editor, plain, raise } = await start();
  await raise("all", "for all", { Labels: onLogin });
  await raise(
    "some",
    "for those who list roles",
    {
      Labels: { "teleport.internal/alert-verb-permit": "role:list|role:fly" },
    },
    AlertSeverity.HIGH,
  );
  await raise("none", "for nobody", {}, AlertSeverity.MEDIUM);
  assert.deepEqual(names(await plain.getClusterAlerts({})), ["all"]);
  assert.deepEqual(names(await plain.getClusterAlerts({ WithUntargeted: true })), ["all"]);
  assert.deepEqual(names(await editor.getClusterAlerts({})), ["some", "all"]);
  const everything = await editor.getClusterAlerts({ WithUntargeted: true });
  assert.deepEqual(names(everything), ["some", "none", "all"]);
  const atLogin = { Labels: { "teleport.internal/alert-on-login": "yes" } };
  assert.deepEqual(names(await editor.getClusterAlerts(atLogin)), ["all"]);
  const high = await editor.getClusterAlerts({ Severity: AlertSeverity.HIGH });
  assert.deepEqual(names(high), ["some"]);
  assert.deepEqual(names(await editor.getClusterAlerts({ AlertID: "all" })), ["all"]);
  await cluster.close();
});

test("only who may write alerts writes, quiets and reads who quieted", async () => {
  const { cluster, plain, raise } = await start();
  await raise("all", "for all", { Labels: forAll });
  const denied = (error: unknown) => isFault(error, "access-denied");
  const alert = { Header: { Metadata: { Name: "x" } }, Spec: { Message: "x" } };
  await assert.rejects(plain.upsertClusterAlert({ Alert: alert }), denied);
  const ack = { AlertID: "all", Expires: later(cluster, 60_000) };
  await assert.rejects(plain.createAlertAck(ack), denied);
  await assert.rejects(plain.getAlertAcks({}), denied);
  await assert.rejects(plain.clearAlertAcks({ AlertID: "*" }), denied);
  await cluster.close();
});

test("an acknowledged alert is quiet until the acknowledgement ends or is cleared", async () => {
  const { cluster, editor, plain, raise } = await start();
  await raise("all", "for all", { Labels: forAll });
  const ack = { AlertID: "all", Reason: "known", Expires: later(cluster, 60_000) };
  await editor.createAlertAck(ack);
  assert.deepEqual(names(await plain.getClusterAlerts({})), []);
  assert.deepEqual(names(await plain.getClusterAlerts({ WithAcknowledged: true })), ["all"]);
  assert.equal((await editor.getAlertAcks({})).Acks[0]?.Reason, "known");
  cluster.clock.advance(60_001);
  assert.deepEqual(names(await plain.getClusterAlerts({})), ["all"]);
  await editor.createAlertAck({ ...ack, Expires: later(cluster, 60_000) });
  await editor.clearAlertAcks({ AlertID: "all" });
  assert.deepEqual(names(await plain.getClusterAlerts({})), ["all"]);
  await assert.rejects(editor.clearAlertAcks({ AlertID: "all" }), (e) => isFault(e, "not-found"));
  await assert.rejects(editor.createAlertAck({ ...ack, AlertID: "no" }), (e) =>
    isFault(e, "not-found"),
  );
  await assert.rejects(editor.createAlertAck({ AlertID: "all" }), (e) => isFault(e, "invalid"));
  await cluster.close();
});

test("an alert ends by itself, a day after it was raised unless it says otherwise", async () => {
  const { cluster, editor, raise } = await start();
  await raise("day", "a day", { Labels: forAll });
  await raise("hour", "an hour", { Labels: forAll, Expires: later(cluster, 3_600_000) });
  cluster.clock.advance(3_600_001);
  const all = () => editor.getClusterAlerts({}).then(names);
  assert.deepEqual(await all(), ["day"]);
  cluster.clock.advance(22.5 * 3_600_000);
  const again = await (await logIn(cluster, "editor")).client.service("auth");
  assert.deepEqual(names(await again.getClusterAlerts({})), ["day"]);
  cluster.clock.advance(3_600_000);
  assert.deepEqual(names(await again.getClusterAlerts({})), []);
  await cluster.close();
});

test("a graver alert hides what it supersedes", async () => {
  const { cluster, plain, raise } = await start();
  await raise("old", "update soon", { Labels: forAll });
  const Labels = { ...forAll, "teleport.internal/alert-supersedes": "old" };
  await raise("new", "update now", { Labels }, AlertSeverity.HIGH);
  assert.deepEqual(names(await plain.getClusterAlerts({})), ["new"]);
  assert.deepEqual(names(await plain.getClusterAlerts({ WithSuperseded: true })), ["new", "old"]);
  await cluster.close();
});

test("what would upset a terminal or a table is refused", async () => {
  const { cluster, raise } = await start();
  const invalid = (error: unknown) => isFault(error, "invalid");
  for (const message of ["", "a\nb", "a\u001b[31mb", "x".repeat(1025)]) {
    await assert.rejects(raise("x", message), invalid, JSON.stringify(message));
  }
  await assert.rejects(raise("x", "y", { Labels: { a: "\u001b[2J" } }), invalid);
  await assert.rejects(raise("x", "y", { Expires: later(cluster, -1000) }), invalid);
  await assert.rejects(raise("x", "y", {}, 7 as AlertSeverity), invalid);
  await cluster.close();
});
