/** `tctl devices add` */
import { Fault, isFault } from "#base/fault.ts";
import { nearest } from "#base/nearest.ts";
import type { Device, OsType } from "#resource/device.ts";
import { parseResourceOf } from "#resource/parse.ts";
import type { AuthClient } from "./auth-client.ts";
import type { devicesAdd, Invocation } from "./commands.ts";
import { osNames, printEnrollToken } from "./device-text.ts";
import { type CurrentDevice, withAuth } from "./services.ts";

/** Registers the device; with `--enroll` also makes a token for it. */
export async function run(invocation: Invocation<typeof devicesAdd>): Promise<void> {
  const { flags, console, services } = invocation;
  const { osType, assetTag } = await readDevice(invocation);
  const document = parseResourceOf("device", {
    kind: "device",
    metadata: { name: "" },
    spec: { os_type: osType, asset_tag: assetTag },
  });
  await withAuth(invocation, async (auth) => {
    const device = await createDevice(auth, document);
    console.print(`Device ${assetTag}/${osNames[osType]} added to the inventory`);
    if (!flags.enroll) return;
    const now = services.clock.now();
    const expires =
      flags.enrollTtl === undefined ? undefined : new Date(now.getTime() + flags.enrollTtl);
    const token = await auth.createEnrollToken(device.metadata.name, expires);
    printEnrollToken(console, token, assetTag, now);
  });
}

async function createDevice(auth: AuthClient, document: Device): Promise<Device> {
  try {
    return (await auth.create(document)) as Device;
  } catch (error) {
    if (!isFault(error, "already-exists")) throw error;
    const { asset_tag: tag, os_type: os } = document.spec;
    throw new Fault("already-exists", `device ${tag}/${osNames[os]} is already registered`, {
      hint: `to enroll it: tctl devices enroll --asset-tag=${tag}`,
      cause: error,
    });
  }
}

async function readDevice({
  flags,
  services,
  console,
}: Invocation<typeof devicesAdd>): Promise<CurrentDevice> {
  if (flags.currentDevice) return services.currentDevice(console);
  const missing = [
    ...(flags.os === undefined ? ["--os"] : []),
    ...(flags.assetTag === undefined ? ["--asset-tag"] : []),
  ];
  if (flags.os === undefined || flags.assetTag === undefined) {
    const what = missing.length > 1 ? `flags [${missing.join(" ")}]` : `flag ${missing[0]}`;
    throw new Fault("usage", `required ${what} not provided`, {
      hint: "for example: tctl devices add --os=macos --asset-tag=C00AA0AAAA0A",
    });
  }
  return { osType: readOs(flags.os), assetTag: flags.assetTag };
}

function readOs(word: string): OsType {
  const known = Object.keys(osNames) as OsType[];
  const found = known.find((os) => os === word.toLowerCase());
  if (found !== undefined) return found;
  const meant = nearest(word, known);
  throw new Fault("usage", `invalid --os: ${word}`, {
    hint: meant ? `did you mean: --os=${meant}` : `choose from ${known.join(", ")}`,
  });
}
