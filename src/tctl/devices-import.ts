/** `tctl devices import` */
import { readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { Fault } from "#base/fault.ts";
import type { Console } from "#cli/console.ts";
import type { Device } from "#resource/device.ts";
import type { devicesImport, Invocation } from "./commands.ts";
import { type ImportedDevice, parseInventory } from "./inventory-rows.ts";
import { withAuth } from "./services.ts";

/** Largest file. */
const maxBytes = 128 * 1024 * 1024;

/** Refused devices that are named. */
const namedRefusals = 20;

/** Checks the whole file first, then tells the auth service, and says what has changed. */
export async function run(invocation: Invocation<typeof devicesImport>): Promise<void> {
  const { args, flags, console } = invocation;
  const format = flags.format ?? (args.file.toLowerCase().endsWith(".json") ? "json" : "csv");
  const text = await readInput(args.file, console);
  const devices = parseInventory(text, format, args.file);
  if (devices.length === 0) {
    throw new Fault("invalid", `${args.file} holds no device`, {
      hint: "remove devices one by one: tctl devices rm --asset-tag=TAG",
    });
  }
  await withAuth(invocation, async (auth) => {
    const plan = planOf(devices, await auth.listDevices(), flags);
    if (plan.foreign > 0) {
      console.note(`${count(plan.foreign)} of other sources left alone; --claim takes them over`);
    }
    const missing = flags.removeMissing ? plan.missing : 0;
    if (flags.dryRun) {
      const { added, known } = plan;
      console.print(`Devices: ${added} to add, ${known} to update, ${missing} to remove.`);
      return;
    }
    const progress = console.progress("Importing devices");
    try {
      const { refused, removed } = await auth.syncDevices({
        source: flags.source,
        devices: plan.devices,
        removeMissing: flags.removeMissing,
        onProgress: (sent) => progress.update(`Importing devices: ${sent}/${plan.devices.length}`),
      });
      progress.stop();
      for (const { assetTag, reason } of refused.slice(0, namedRefusals)) {
        console.note(`${assetTag}: ${reason}`);
      }
      const written = plan.devices.length - refused.length;
      console.print(`Devices: ${written} added or updated, ${removed.length} removed.`);
      if (refused.length === 0) return;
      throw new Fault("invalid", `${count(refused.length)} refused`, {
        hint: "mend the file and import it again: what is in already stays as it is",
      });
    } finally {
      progress.stop();
    }
  });
}

interface Plan {
  readonly devices: readonly ImportedDevice[];
  readonly added: number;
  readonly known: number;
  /** Devices of the file that belong to another source and are not taken over. */
  readonly foreign: number;
  /** Devices of this source that the file does not name. */
  readonly missing: number;
}

/** What the file means for the inventory as it is. */
function planOf(
  named: readonly ImportedDevice[],
  inventory: readonly Device[],
  { source, claim }: { readonly source: string; readonly claim: boolean },
): Plan {
  const stored = new Map(inventory.map((device) => [keyOf(device.spec), device]));
  const isForeign = (device: ImportedDevice) => {
    const owner = stored.get(keyOf(device))?.spec.source;
    return !claim && !!owner?.name && !isOurs(owner, source);
  };
  const devices = named.filter((device) => !isForeign(device));
  const known = devices.filter((device) => stored.has(keyOf(device))).length;
  const names = new Set(named.map(keyOf));
  const missing = inventory.filter(
    ({ spec }) => isOurs(spec.source, source) && !names.has(keyOf(spec)),
  );
  return {
    devices,
    known,
    added: devices.length - known,
    foreign: named.length - devices.length,
    missing: missing.length,
  };
}

function isOurs(source: Device["spec"]["source"], name: string): boolean {
  return source?.name === name && source.origin === "api";
}

function keyOf({ os_type, asset_tag }: ImportedDevice): string {
  return `${os_type}:${asset_tag}`;
}

function count(devices: number): string {
  return devices === 1 ? "1 device" : `${devices} devices`;
}

async function readInput(file: string, console: Console): Promise<string> {
  if (file === "-") return console.readStdin(maxBytes);
  const path = resolve(console.cwd, file);
  try {
    if ((await stat(path)).size <= maxBytes) return await readFile(path, "utf8");
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === "ENOENT";
    const message = missing ? `there is no file ${file}` : `cannot read ${file}: ${String(cause)}`;
    throw new Fault("environment", message, { cause });
  }
  throw new Fault("limit", `${file} is larger than ${maxBytes / 1024 / 1024} MiB`, {
    hint: "import it in parts, without --remove-missing",
  });
}
