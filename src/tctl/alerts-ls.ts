/** `tctl alerts ls`: the alerts of the cluster, those that matter most first. */
import { formatDuration } from "#base/duration.ts";
import { printAs } from "#cli/output.ts";
import { printTable } from "#cli/table.ts";
import type { Alert } from "./auth-client.ts";
import type { alertsLs, Invocation } from "./commands.ts";
import { withAuth } from "./services.ts";

/** Lists those that nobody has acknowledged; all with `--verbose`. */
export async function run(invocation: Invocation<typeof alertsLs>): Promise<void> {
  const { console, flags, services } = invocation;
  const alerts = await withAuth(invocation, (auth) => auth.listAlerts(flags.verbose));
  await printAs(console, flags.format, alerts.map(present), () => {
    if (alerts.length === 0) {
      console.print("no alerts");
      return;
    }
    const now = services.clock.now();
    const rows = alerts.map((alert) => [
      alert.id,
      alert.severity.toUpperCase(),
      timeLeft(alert.expires, now),
      JSON.stringify(alert.message),
    ]);
    printTable(console, ["ID", "Severity", "Expires In", "Message"], rows);
  });
}

function present({ id, severity, message, labels, expires }: Alert) {
  return {
    kind: "cluster_alert",
    version: "v1",
    metadata: { name: id, labels, ...(expires ? { expires: expires.toISOString() } : {}) },
    spec: { severity, message },
  };
}

/** To the minute. */
function timeLeft(expires: Date | undefined, now: Date): string {
  if (expires === undefined) return "never";
  const minutes = Math.max(0, Math.round((expires.getTime() - now.getTime()) / 60_000));
  return formatDuration(minutes * 60_000);
}
