/** `tctl alerts ack`: quiets an alert for everybody, for a while; or lets it be seen again. */
import { formatDuration } from "#base/duration.ts";
import { Fault } from "#base/fault.ts";
import type { alertsAck, Invocation } from "./commands.ts";
import { withAuth } from "./services.ts";

const usualMs = 24 * 3_600_000;

/** Acknowledges, or clears. */
export async function run(invocation: Invocation<typeof alertsAck>): Promise<void> {
  const { args, flags, services, console } = invocation;
  const { id } = args;
  if (flags.clear) {
    await withAuth(invocation, (auth) => auth.clearAlertAck(id));
    console.print(
      `Successfully cleared acknowledgement for alert "${id}". Alerts with this ID will resume being pushed.`,
    );
    return;
  }
  if (flags.reason === undefined || flags.reason === "") {
    throw new Fault("usage", "whoever quiets an alert for everybody says why", {
      hint: `tctl alerts ack ${id} --reason="..."`,
    });
  }
  const { reason } = flags;
  const ttl = flags.ttl ?? usualMs;
  const expires = new Date(services.clock.now().getTime() + ttl);
  await withAuth(invocation, (auth) => auth.ackAlert(id, reason, expires));
  console.print(
    `Successfully acknowledged alert "${id}". Alerts with this ID won't be pushed for ${formatDuration(ttl)}.`,
  );
}
