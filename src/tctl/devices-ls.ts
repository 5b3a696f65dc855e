/** `tctl devices ls` */
import type { Console } from "#cli/console.ts";
import { printAs } from "#cli/output.ts";
import { printTable } from "#cli/table.ts";
import type { Device, OsType } from "#resource/device.ts";
import { presentResource } from "#resource/present.ts";
import type { devicesLs, Invocation } from "./commands.ts";
import { formatSource, osNames } from "./device-text.ts";
import { withAuth } from "./services.ts";

/** Lists devices by asset tag, then operating system. */
export async function run(invocation: Invocation<typeof devicesLs>): Promise<void> {
  const { console, flags } = invocation;
  if (flags.format === "text") {
    printDevices(console, await withAuth(invocation, (auth) => auth.listDevices()));
    return;
  }
  const devices = await withAuth(invocation, (auth) => auth.list("device"));
  await printAs(console, flags.format, devices.map(presentResource), () => {}, 4);
}

/** The table of devices. */
export function printDevices(console: Console, devices: readonly Device[]): void {
  if (devices.length === 0) {
    console.print("No devices found");
    return;
  }
  const rows = [...devices]
    .sort((a, b) => compareTags(a, b) || rank(a.spec.os_type) - rank(b.spec.os_type))
    .map(({ metadata, spec }) => [
      spec.asset_tag,
      osNames[spec.os_type],
      formatSource(spec.source),
      spec.enroll_status === "enrolled" ? "enrolled" : "not enrolled",
      spec.owner ?? "",
      metadata.name,
    ]);
  printTable(console, ["Asset Tag", "OS", "Source", "Enroll Status", "Owner", "Device ID"], rows);
}

function compareTags(a: Device, b: Device): number {
  if (a.spec.asset_tag === b.spec.asset_tag) return 0;
  return a.spec.asset_tag < b.spec.asset_tag ? -1 : 1;
}

function rank(os: OsType): number {
  return Object.keys(osNames).indexOf(os);
}
