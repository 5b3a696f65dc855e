/**
 * What the firmware of a Linux machine says about itself (SMBIOS, through /sys/class/dmi/id). Serial numbers there are
 * readable by root only; the caller may offer a way to read them with more rights.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** The values that device trust uses; empty when unknown. */
export interface DmiValues {
  readonly productName: string;
  readonly productSerial: string;
  readonly boardSerial: string;
  readonly chassisAssetTag: string;
}

/** A machine that says nothing. */
export const noDmiValues: DmiValues = {
  productName: "",
  productSerial: "",
  boardSerial: "",
  chassisAssetTag: "",
};

/** The values, and whether some stayed empty for lack of permission. */
export interface DmiReading {
  readonly values: DmiValues;
  readonly denied: boolean;
}

/** The kernel's folder. */
export const defaultDmiDir = "/sys/class/dmi/id";

const files = {
  productName: "product_name",
  productSerial: "product_serial",
  boardSerial: "board_serial",
  chassisAssetTag: "chassis_asset_tag",
} as const satisfies Record<keyof DmiValues, string>;

/** Reads the values from a folder. A file that is missing or forbidden gives an empty value. */
export async function readDmi(dir: string): Promise<DmiReading> {
  let denied = false;
  const read = async (name: keyof DmiValues) => {
    try {
      return (await readFile(join(dir, files[name]), "utf8")).trim();
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      denied ||= code === "EACCES" || code === "EPERM";
      return "";
    }
  };
  const values = {
    productName: await read("productName"),
    productSerial: await read("productSerial"),
    boardSerial: await read("boardSerial"),
    chassisAssetTag: await read("chassisAssetTag"),
  };
  return { values, denied };
}

/**
 * The serial number that identifies the machine: asset tag, system, base board, whichever first is neither empty nor a
 * phrase such as "To be filled by O.E.M.". The rule of the official clients, so that both find the same device.
 */
export function selectSerialNumber(
  values: Pick<DmiValues, "productSerial" | "boardSerial" | "chassisAssetTag">,
): string {
  const candidates = [values.chassisAssetTag, values.productSerial, values.boardSerial];
  return candidates.find((serial) => serial !== "" && !serial.includes(" ")) ?? "";
}
