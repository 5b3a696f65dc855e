/** `tctl devices export` */
import { showableJson } from "#base/showable.ts";
import type { Device } from "#resource/device.ts";
import type { devicesExport, Invocation } from "./commands.ts";
import { formatCsv, rowOf } from "./inventory-rows.ts";
import { withAuth } from "./services.ts";

/** Prints every device, by asset tag. */
export async function run(invocation: Invocation<typeof devicesExport>): Promise<void> {
  const { console, flags } = invocation;
  const devices = [...(await withAuth(invocation, (auth) => auth.list("device")))].sort(byTag);
  if (flags.format === "csv") {
    for (const line of formatCsv(devices)) console.print(line);
    return;
  }
  const rows = devices.map((device) => showableJson(JSON.stringify(rowOf(device))));
  console.print(rows.length === 0 ? "[]" : `[\n  ${rows.join(",\n  ")}\n]`);
}

function byTag({ spec: a }: Device, { spec: b }: Device): number {
  if (a.asset_tag !== b.asset_tag) return a.asset_tag < b.asset_tag ? -1 : 1;
  return a.os_type < b.os_type ? -1 : 1;
}
