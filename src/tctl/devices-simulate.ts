/** `tctl devices simulate`: who would lose which logins, before a device mode or a posture rule is set. */
import { Fault } from "#base/fault.ts";
import { printAs } from "#cli/output.ts";
import { printTable } from "#cli/table.ts";
import type { ChangedLogin, Simulation, TriedTrust } from "./auth-client.ts";
import type { devicesSimulate, Invocation } from "./commands.ts";
import { withAuth } from "./services.ts";

/** Server names that a row of the table shows. */
const namesShown = 3;

/** Tries what the flags name: a mode or posture rules on the logins, or rules about boots on the devices. */
export async function run(invocation: Invocation<typeof devicesSimulate>): Promise<void> {
  const { mode, posture = [], role, measuredBoot } = invocation.flags;
  const onLogins = mode !== undefined || posture.length > 0;
  if (onLogins && measuredBoot === undefined) return simulateLogins(invocation);
  if (!onLogins && measuredBoot !== undefined && role === undefined) {
    const { simulateBoot } = await import("./devices-simulate-boot.ts");
    return simulateBoot(invocation, measuredBoot);
  }
  throw new Fault(
    "usage",
    "name what to try: --mode or --posture, also with --role, or --measured-boot",
    { hint: "for example: tctl devices simulate --mode=required" },
  );
}

/** Asks, and prints the logins that change: those that are lost first. */
async function simulateLogins(invocation: Invocation<typeof devicesSimulate>): Promise<void> {
  const { console, flags } = invocation;
  const { mode, role, posture = [] } = flags;
  const tried = { mode, role, posture };
  const progress = console.progress("Trying it on every login");
  const simulation = await withAuth(invocation, (auth) => auth.simulateDeviceTrust(tried)).finally(
    () => progress.stop(),
  );
  await printAs(console, flags.format, asJson(tried, simulation), () =>
    printSimulation(invocation, tried, simulation),
  );
}

function printSimulation(
  { console }: Invocation<typeof devicesSimulate>,
  tried: TriedTrust,
  { modeBefore, totals, groups, logins }: Simulation,
): void {
  const rows = mergeGroups(logins);
  if (rows.length > 0) {
    const header = ["User", "Login", "Servers", "Device", "Why"];
    const cells = rows.map(({ login, groups: of }) => {
      const servers = of.flatMap((group) => groups[group] ?? []);
      return [login.user, login.login, formatServers(servers), formatDevices(login), whyOf(login)];
    });
    printTable(console, header, cells);
    console.print();
  }
  printTried(console, tried, modeBefore);
  console.print(`Lost:          ${count(totals.lost, usersOf(logins, true))}`);
  console.print(`With a device: ${count(totals.kept, usersOf(logins, false))}`);
  console.print(`As before:     ${count(totals.unchanged)}`);
  for (const hint of hintsFor(tried, totals, logins)) console.note(`hint: ${hint}`);
}

function printTried(
  console: Invocation<typeof devicesSimulate>["console"],
  { mode, role, posture }: TriedTrust,
  modeBefore: string | undefined,
): void {
  const whose = role === undefined ? "the cluster" : `role "${role}"`;
  if (mode !== undefined) {
    console.print(
      `Tried:         mode "${mode}" for ${whose}; it is ${formatMode(modeBefore)} now`,
    );
  }
  for (const rule of posture) console.print(`Tried:         posture rule for ${whose}: ${rule}`);
}

/** What those who lose something need, or where the change is made when nobody does. */
function hintsFor(
  { mode, role }: TriedTrust,
  totals: Simulation["totals"],
  logins: readonly ChangedLogin[],
): string[] {
  const lost = logins.filter(({ device }) => device === undefined);
  if (totals.lost + totals.kept + totals.unchanged === 0) {
    return [
      "nobody reaches any server now, so this says nothing; what is locked shows: tctl locks ls",
    ];
  }
  if (lost.length === 0) {
    const where = role === undefined ? "cap" : `role/${role}`;
    const what = mode === undefined ? "rule" : "mode";
    return [`nobody loses access; set the ${what} with: tctl edit ${where}`];
  }
  const needDevice = lost.some(({ lostDevices }) => lostDevices.length === 0);
  const needPosture = lost.some(({ lostDevices }) => lostDevices.length > 0);
  return [
    ...(needDevice
      ? [
          "whoever has no device enrolls one with: tsh device enroll --current-device",
          "or with a token, which you make with: tctl devices enroll --asset-tag=TAG",
        ]
      : []),
    ...(needPosture ? ["what the cluster knows of a device shows: tctl get device/ASSET-TAG"] : []),
  ];
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

function formatDevices({ device, lostDevices }: ChangedLogin): string {
  const kept = device === undefined ? "none" : `keeps access from ${device}`;
  return lostDevices.length === 0 ? kept : `${kept}, not from ${lostDevices.join(", ")}`;
}

function formatServers(servers: readonly { readonly hostname: string }[]): string {
  const names = servers.slice(0, namesShown).map(({ hostname }) => hostname);
  const more = servers.length > namesShown ? [...names, "..."] : names;
  return `${servers.length}: ${more.join(", ")}`;
}

function whyOf({ check, role, reason }: ChangedLogin): string {
  if (check === "cluster-device-mode") return "the cluster demands a device";
  if (check === "role-device-mode") return `role "${role ?? ""}" demands a device`;
  // What SSH clients of others look for says nothing here.
  return reason.replace(/^unauthorized device: /, "");
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

function asJson(tried: TriedTrust, { modeBefore, totals, groups, logins }: Simulation) {
  return {
    ...(tried.mode === undefined ? {} : { mode: tried.mode }),
    ...(tried.posture.length === 0 ? {} : { posture: tried.posture }),
    ...(tried.role === undefined ? {} : { role: tried.role }),
    mode_before: modeBefore ?? "",
    totals,
    server_groups: groups.map((servers, group) => ({ group, servers })),
    logins: logins.map(({ device, lostDevices, role, reason, ...login }) => ({
      ...login,
      outcome: device === undefined ? "lost" : "kept",
      ...(device === undefined ? {} : { device }),
      ...(lostDevices.length === 0 ? {} : { lost_devices: lostDevices }),
      ...(role === undefined ? {} : { role }),
      reason,
    })),
  };
}
