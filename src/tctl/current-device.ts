/** This machine as a device, for `--current-device`: operating system and asset tag as tsh reports them. */
import { Fault } from "#base/fault.ts";
import type { Console } from "#cli/console.ts";
import { defaultDmiDir, readDmi, selectSerialNumber } from "#client/device/dmi.ts";
import type { CurrentDevice } from "./services.ts";

/** Reads the asset tag. Throws `environment` when this machine does not tell it. */
export async function readCurrentDevice({ env }: Console): Promise<CurrentDevice> {
  if (process.platform !== "linux") {
    throw new Fault("unimplemented", `--current-device does not work on ${process.platform} yet`, {
      hint: "name the device: --os=OS --asset-tag=TAG (tsh device asset-tag prints the tag)",
    });
  }
  const { values, denied } = await readDmi(env["GATEHOUSE_DMI_DIR"] ?? defaultDmiDir);
  const assetTag = selectSerialNumber(values);
  if (assetTag !== "") return { osType: "linux", assetTag };
  throw new Fault(
    "environment",
    denied
      ? "no permission to read the serial number of this machine"
      : "this machine has no serial number",
    { hint: denied ? "run the command with sudo" : "name the device: --asset-tag=TAG" },
  );
}
