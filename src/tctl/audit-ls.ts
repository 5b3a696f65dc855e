/** `tctl audit ls` */
import { Fault } from "#base/fault.ts";
import type { Console } from "#cli/console.ts";
import { printAs } from "#cli/output.ts";
import { printTable } from "#cli/table.ts";
import type { AuditEvent } from "./auth-client.ts";
import type { auditLs, Invocation } from "./commands.ts";
import { readTimeFlag } from "./format.ts";
import { withAuth } from "./services.ts";

/** Finds events and prints them, newest first. */
export async function run(invocation: Invocation<typeof auditLs>): Promise<void> {
  const { flags, console, services } = invocation;
  if (flags.last !== undefined && flags.from !== undefined) {
    throw new Fault("usage", "use only one of --last and --from");
  }
  const now = services.clock.now();
  const from =
    flags.last !== undefined
      ? new Date(now.getTime() - flags.last)
      : flags.from === undefined
        ? undefined
        : readTimeFlag("--from", flags.from);
  const query = {
    kinds: flags.kind,
    user: flags.user,
    device: flags.device,
    from,
    to: flags.to === undefined ? undefined : readTimeFlag("--to", flags.to),
    limit: readLimit(flags.limit),
  };
  const events = await withAuth(invocation, (auth) => auth.searchEvents(query));
  await printAs(console, flags.format, events, () => printEvents(console, events));
}

function printEvents(console: Console, events: readonly AuditEvent[]): void {
  if (events.length === 0) {
    console.print("No events found");
    return;
  }
  const rows = events.map((event) => [
    text(event["time"]).replace(/\.\d+Z$/, "Z"),
    text(event["event"]),
    text(event["code"]),
    text(event["user"]),
    deviceOf(event),
    outcomeOf(event),
  ]);
  printTable(console, ["Time", "Event", "Code", "User", "Device", "Outcome"], rows);
}

/** Failure with its reason; nothing for events that cannot fail. */
function outcomeOf(event: AuditEvent): string {
  if (event["success"] === true) return "success";
  if (event["success"] !== false) return "";
  const reason = text(event["message"]) || text(event["error"]);
  return reason === "" ? "failure" : `failure: ${reason}`;
}

function deviceOf(event: AuditEvent): string {
  const device = event["device"] ?? event["trusted_device"];
  if (typeof device !== "object" || device === null) return "";
  return text((device as Readonly<Record<string, unknown>>)["asset_tag"]);
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function readLimit(word: string): number {
  const limit = Number(word);
  if (Number.isInteger(limit) && limit > 0 && limit <= 100_000) return limit;
  throw new Fault("usage", `invalid --limit: ${word}`, { hint: "write a number from 1 to 100000" });
}
