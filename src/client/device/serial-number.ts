/** The failures of a machine that cannot be told from others. */
import { Fault } from "#base/fault.ts";

/** The firmware gives no serial number. */
export function noSerialNumber(): Fault {
  return new Fault("environment", "this machine gives no serial number, which is its asset tag", {
    hint: "set a serial number or an asset tag in the firmware setup, or in the settings of the virtual machine",
  });
}

/** The firmware gives one, and not to this person. `hint` says how to get at it. */
export function rootOnlySerialNumber(hint: string, cause?: unknown): Fault {
  const message = "the serial number of this machine is readable by root only";
  return new Fault("environment", message, { hint, cause });
}
