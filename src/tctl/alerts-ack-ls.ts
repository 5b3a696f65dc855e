/** `tctl alerts ack ls`: which alerts are quiet, until when and why. */
import { printAs } from "#cli/output.ts";
import { printTable } from "#cli/table.ts";
import type { AlertAck } from "./auth-client.ts";
import type { alertsAckLs, Invocation } from "./commands.ts";
import { formatWeekdayUtc } from "./format.ts";
import { withAuth } from "./services.ts";

/** Lists the acknowledgements. */
export async function run(invocation: Invocation<typeof alertsAckLs>): Promise<void> {
  const { console, flags } = invocation;
  const acks = await withAuth(invocation, (auth) => auth.listAlertAcks());
  await printAs(console, flags.format, acks.map(present), () => {
    const rows = acks.map(({ id, reason, expires }) => [
      id,
      JSON.stringify(reason),
      expires ? formatWeekdayUtc(expires) : "never",
    ]);
    printTable(console, ["ID", "Reason", "Expires"], rows);
  });
}

function present({ id, reason, expires }: AlertAck) {
  return { alert_id: id, reason, ...(expires ? { expires: expires.toISOString() } : {}) };
}
