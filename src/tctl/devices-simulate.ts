/** `tctl devices simulate`: who would lose which logins, before a device mode is set. */
import { Fault } from "#base/fault.ts";
import { printAs } from "#cli/output.ts";
import { printTable } from "#cli/table.ts";
import type { ChangedLogin, Simulation, TriedMode } from "./auth-client.ts";
import type { devicesSimulate, Invocation } from "./commands.ts";
import { withAuth } from "./services.ts";

/** Server names that a row of the table shows. */
const namesShown = 3;

/** Tries what the flags name: a mode on the logins, or rules about boots on the devices. */
export async function run(invocation: Invocation<typeof devicesSimulate>): Promise<void> {
  const { mode, role, measuredBoot } = invocation.flags;
  if (mode !== undefined && measuredBoot === undefined) return simulateMode(invocation, mode);
  if (measuredBoot !== undefined && mode === undefined && role === undefined) {
    const { simulateBoot } = await import("./devices-simulate-boot.ts");
    return simulateBoot(invocation, measuredBoot);
  }
  throw new Fault("usage", "name what to try: --mode, also with --role, or --measured-boot", {
    hint: "for example: tctl devices simulate --mode=required",
  });
}

/** Asks, and prints the logins that change: those that are lost first. */
async function simulateMode(
  invocation: Invocation<typeof devicesSimulate>,
  mode: string,
): Promise<void> {
  const { console, flags } = invocation;
  const tried = { mode, role: flags.role };
  const progress = console.progress("Trying the mode on every login");
  const simulation = await withAuth(invocation, (auth) => auth.simulateDeviceMode(tried)).finally(
    () => progress.stop(),
  );
  await printAs(console, flags.format, asJson(tried, simulation), () =>
    printSimulation(invocation, tried, simulation),
  );
}

function printSimulation(
  { console }: Invocation<typeof devicesSimulate>,
  { mode, role }: TriedMode,
  { modeBefore, totals, groups, logins }: Simulation,
): void {
  const rows = mergeGroups(logins);
  if (rows.length > 0) {
    const header = ["User", "Login", "Servers", "Device", "Why"];
    const cells = rows.map(({ login, groups: of }) => {
      const servers = of.flatMap((group) => groups[group] ?? []);
      const device = login.device === undefined ? "none" : `keeps access from ${login.device}`;
      return [login.user, login.login, formatServers(servers), device, whyOf(login)];
    });
    printTable(console, header, cells);
    console.print();
  }
  const whose = role === undefined ? "the cluster" : `role "${role}"`;
  console.print(`Tried:         mode "${mode}" for ${whose}; it is ${formatMode(modeBefore)} now`);
  console.print(`Lost:          ${count(totals.lost, usersOf(logins, true))}`);
  console.print(`With a device: ${count(totals.kept, usersOf(logins, false))}`);
  console.print(`As before:     ${count(totals.unchanged)}`);
  if (totals.lost > 0) {
    console.note("hint: each of these people enrolls with: tsh device enroll --current-device");
    console.note("hint: or with a token, which you make with: tctl devices enroll --asset-tag=TAG");
    return;
  }
  console.note(
    role === undefined
      ? "hint: nobody loses access; set the mode with: tctl edit cap"
      : `hint: nobody loses access; set the mode with: tctl edit role/${role}`,
  );
}

/** Rows of the table: what differs in the servers only is one row. */
function mergeGroups(logins: readonly ChangedLogin[]) {
  const rows = new Map<string, { readonly login: ChangedLogin; readonly groups: number[] }>();
  for (const login of [...logins].sort((a, b) => rank(a) - rank(b))) {
    const { group, ...rest } = login;
    const key = JSON.stringify(rest);
    const row = rows.get(key);
    if (row === undefined) rows.set(key, { login, groups: [group] });
    else row.groups.push(group);
  }
  return [...rows.values()];
}

function rank({ device }: ChangedLogin): number {
  return device === undefined ? 0 : 1;
}

function formatServers(servers: readonly { readonly hostname: string }[]): string {
  const names = servers.slice(0, namesShown).map(({ hostname }) => hostname);
  const more = servers.length > namesShown ? [...names, "..."] : names;
  return `${servers.length}: ${more.join(", ")}`;
}

function whyOf({ check, role, reason }: ChangedLogin): string {
  if (check === "cluster-device-mode") return "the cluster demands a device";
  if (check === "role-device-mode") return `role "${role ?? ""}" demands a device`;
  return reason;
}

function formatMode(mode: string | undefined): string {
  return mode === undefined ? "not set" : `"${mode}"`;
}

function usersOf(logins: readonly ChangedLogin[], lost: boolean): number {
  const found = logins.filter(({ device }) => (device === undefined) === lost);
  return new Set(found.map(({ user }) => user)).size;
}

/** "3 logins of 1 user". */
function count(logins: number, users?: number): string {
  const many = (number: number, noun: string) => `${number} ${noun}${number === 1 ? "" : "s"}`;
  const what = many(logins, "login");
  return users === undefined || logins === 0 ? what : `${what} of ${many(users, "user")}`;
}

function asJson(tried: TriedMode, { modeBefore, totals, groups, logins }: Simulation) {
  return {
    mode: tried.mode,
    ...(tried.role === undefined ? {} : { role: tried.role }),
    mode_before: modeBefore ?? "",
    totals,
    server_groups: groups.map((servers, group) => ({ group, servers })),
    logins: logins.map(({ device, role, reason, ...login }) => ({
      ...login,
      outcome: device === undefined ? "lost" : "kept",
      ...(device === undefined ? {} : { device }),
      ...(role === undefined ? {} : { role }),
      reason,
    })),
  };
}
