/** `tctl locks ls` */
import { isInForce, replacedBy } from "#access/locks.ts";
import { printAs } from "#cli/output.ts";
import { printTable } from "#cli/table.ts";
import type { Lock } from "#resource/lock.ts";
import { instantOf } from "#resource/time.ts";
import type { Invocation, locksLs } from "./commands.ts";
import { formatTimeUtc } from "./format.ts";
import { withAuth } from "./services.ts";

/** Lists locks, the newest first. */
export async function run(invocation: Invocation<typeof locksLs>): Promise<void> {
  const { console, flags, services } = invocation;
  const locks = await withAuth(invocation, (auth) => auth.list("lock"));
  const now = services.clock.now();
  const shown = locks
    .filter((lock) => flags.expired || isInForce(lock, now))
    .sort((a, b) => createdAt(b) - createdAt(a) || (idOf(a) < idOf(b) ? -1 : 1));
  const described = shown.map((lock) => describe(lock, now));
  await printAs(console, flags.format, described, () => {
    if (shown.length === 0) {
      console.print("No locks found.");
      return;
    }
    const rows = shown.map((lock) => [
      idOf(lock),
      targetText(lock),
      lock.spec.message ?? "",
      lock.spec.created_by ?? "",
      timeText(lock.spec.created_at, "unknown"),
      timeText(lock.spec.expires, "never"),
      isInForce(lock, now) ? "yes" : "no",
    ]);
    const header = ["Lock ID", "Target", "Message", "Created By", "Created", "Expires", "In Force"];
    printTable(console, header, rows);
  });
}

/** A lock as scripts read it. */
function describe(lock: Lock, now: Date) {
  const { target, message = "", created_by, created_at, expires } = lock.spec;
  return {
    id: idOf(lock),
    target,
    message,
    ...(created_by === undefined ? {} : { created_by }),
    ...(created_at === undefined ? {} : { created_at }),
    ...(expires === undefined ? {} : { expires }),
    in_force: isInForce(lock, now),
  };
}

/** "user=bob, login=root"; of a past enrollment the device alone, because the credential says nothing to people. */
function targetText(lock: Lock): string {
  const past = replacedBy(lock) === "past enrollment";
  return Object.entries(lock.spec.target)
    .map(([field, value]) =>
      past && field === "device"
        ? `device=${value.split("/")[0]} (past enrollment)`
        : `${field}=${value}`,
    )
    .join(", ");
}

function timeText(text: string | undefined, otherwise: string): string {
  const time = instantOf(text);
  return time === undefined ? otherwise : formatTimeUtc(time);
}

function createdAt({ spec }: Lock): number {
  return instantOf(spec.created_at)?.getTime() ?? 0;
}

function idOf({ metadata }: Lock): string {
  return metadata.name ?? "";
}
