/** `tsh status`: who is logged in, from the profile alone. The block's layout is the guide's. */

import { Fault } from "#base/fault.ts";
import type { Console } from "#cli/console.ts";
import { printAs } from "#cli/output.ts";
import { findCurrentHost, findLogin, listHosts } from "#client/profile/logins.ts";
import { hostOf } from "#client/profile/names.ts";
import { type LoginSummary, summarizeLogin } from "#client/profile/summary.ts";
import type { TshInvocation, TshServices } from "./context.ts";
import type { status } from "./program.ts";

const labelWidth = 20;

/** Prints the current login, then the others. Exit code 1 when nobody is logged in or the login has expired. */
export async function run({
  flags,
  shared,
  console,
  services,
}: TshInvocation<typeof status>): Promise<number> {
  const all = await summarizeAll(services);
  const wanted =
    shared.proxy === undefined ? findCurrentHost(services.folder) : hostOf(shared.proxy);
  const active = all.find(({ host }) => host === wanted)?.summary;
  const others = all.filter(({ host }) => host !== wanted).map(({ summary }) => summary);
  if (active === undefined && others.length === 0) {
    throw new Fault("not-found", "Not logged in.", {
      hint: "log in with: tsh login --proxy=HOST --user=NAME",
    });
  }
  const value = {
    ...(active === undefined ? {} : { active: asJson(active) }),
    profiles: others.map(asJson),
  };
  await printAs(console, flags.format, value, () => {
    if (active !== undefined) printStatus(console, active, services.now(), true);
    for (const other of others) printStatus(console, other, services.now(), false);
  });
  if (active === undefined || isExpired(active, services.now())) {
    console.note("hint: log in again with: tsh login");
    return 1;
  }
  return 0;
}

/** Prints one login's block; the current one is marked with ">". */
export function printStatus(
  console: Console,
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

function isExpired(summary: LoginSummary, now: Date): boolean {
  return Date.parse(summary.validUntil) <= now.getTime();
}

async function summarizeAll(
  services: TshServices,
): Promise<{ host: string; summary: LoginSummary }[]> {
  const found: { host: string; summary: LoginSummary }[] = [];
  for (const host of listHosts(services.folder)) {
    const login = await findLogin(services.folder, host);
    const agent = services.agent.place.id;
    const summary = login && (await summarizeLogin(login, agent, services.now()));
    if (summary !== undefined) found.push({ host, summary });
  }
  return found;
}

/** The keys and their order are those of the official client's JSON. */
function asJson(summary: LoginSummary) {
  return {
    profile_url: `https://${summary.proxy}`,
    username: summary.user,
    cluster: summary.cluster,
    roles: [...summary.roles].sort(),
    traits: summary.traits,
    logins: summary.logins,
    kubernetes_enabled: summary.kubernetes,
    valid_until: summary.validUntil,
    extensions: summary.extensions,
    ...(summary.device === undefined ? {} : { device_asset_tag: summary.device }),
  };
}
