/** The block that `tsh status` and `tsh login` print. Its layout is the guide's; nothing here loads a large module. */
import { findCurrentHost, findLogin, listHosts } from "#client/profile/logins.ts";
import { type LoginSummary, summarizeLogin } from "#client/profile/summary.ts";

const labelWidth = 20;

/** The logins of a profile folder. */
export interface StatusLogins {
  readonly active: LoginSummary | undefined;
  readonly others: readonly LoginSummary[];
}

/** Reads all logins; `host` selects the active one, or the folder does. `agent` is the id of this machine's agent. */
export async function findStatus(
  folder: string,
  agent: string,
  now: Date,
  host: string | undefined,
): Promise<StatusLogins> {
  const wanted = host ?? findCurrentHost(folder);
  const others: LoginSummary[] = [];
  let active: LoginSummary | undefined;
  for (const name of listHosts(folder)) {
    const login = await findLogin(folder, name);
    const summary = login && (await summarizeLogin(login, agent, now));
    if (summary === undefined) continue;
    if (name === wanted) active = summary;
    else others.push(summary);
  }
  return { active, others };
}

/** Prints one login's block; the current one is marked with ">". */
export function printStatus(
  console: { print(line?: string): void },
  summary: LoginSummary,
  now: Date,
  active: boolean,
): void {
  const lines = [
    ["Profile URL", summary.proxy],
    ["Logged in as", summary.user],
    ["Cluster", summary.cluster],
    ["Roles", [...summary.roles].sort().join(", ")],
    ["Logins", summary.logins.join(", ")],
    ["Kubernetes", summary.kubernetes ? "enabled" : "disabled"],
    ["Valid until", formatValidity(new Date(summary.validUntil), now)],
    ["Extensions", summary.extensions.join(", ")],
  ] as const;
  for (const [index, [label, value]] of lines.entries()) {
    const mark = index === 0 && active ? "> " : "  ";
    console.print(`${mark}${`${label}:`.padEnd(labelWidth)}${value}`.trimEnd());
  }
  console.print();
}

/** "2023-08-22 03:30:24 -0400 EDT [valid for 11h52m0s]", in the machine's time zone. */
export function formatValidity(until: Date, now: Date): string {
  const left = until.getTime() - now.getTime();
  const state = left <= 0 ? "EXPIRED" : `valid for ${formatMinutes(left)}`;
  return `${formatLocalTime(until)} [${state}]`;
}

function formatMinutes(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  const hours = Math.floor(minutes / 60);
  return hours > 0 ? `${hours}h${minutes % 60}m0s` : `${minutes}m0s`;
}

function formatLocalTime(time: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const offset = -time.getTimezoneOffset();
  const sign = offset < 0 ? "-" : "+";
  const zone = `${sign}${two(Math.floor(Math.abs(offset) / 60))}${two(Math.abs(offset) % 60)}`;
  const date = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  const clock = `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
  return `${date} ${clock} ${zone} ${zoneName(time, zone)}`;
}

/** "EDT"; zones without a name of their own repeat the offset, as Go prints them. Intl is slow: UTC goes without. */
function zoneName(time: Date, offset: string): string {
  if (offset === "+0000" && (process.env["TZ"] ?? "UTC") === "UTC") return "UTC";
  const name = new Intl.DateTimeFormat("en-US", { timeZoneName: "short" })
    .formatToParts(time)
    .find(({ type }) => type === "timeZoneName")?.value;
  return name === undefined || /^(?:GMT|UTC)[+-]/u.test(name) ? offset : name;
}
