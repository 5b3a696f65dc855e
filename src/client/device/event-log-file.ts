/** The firmware's log of what it measured at the start, as the Linux kernel keeps it. */
import { readFile } from "node:fs/promises";
import { Fault, isFault } from "#base/fault.ts";

/** The kernel's copy; readable by root only on most systems. */
export const eventLogFile = "/sys/kernel/security/tpm0/binary_bios_measurements";

/** True when a log could not be read because there is none. A device can be trusted without one. */
export function isMissingEventLog(error: unknown): error is Fault {
  return isFault(error) && error.audit["reason"] === missing;
}

const missing = "event_log_missing";

/** The failure that {@link isMissingEventLog} knows. */
export function missingEventLog(
  message: string,
  options: { readonly hint?: string; readonly cause?: unknown } = {},
): Fault {
  return new Fault("environment", message, { ...options, audit: { reason: missing } });
}

/** Reads the log. Throws `environment` that says why there is none. */
export async function readEventLog(
  path: string,
  read: (path: string) => Promise<Uint8Array> = readFile,
): Promise<Uint8Array> {
  let log: Uint8Array;
  try {
    log = new Uint8Array(await read(path));
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    if (code === "EACCES" || code === "EPERM") {
      throw new Fault("environment", `you may not read the event log (no permission on ${path})`, {
        hint: `sudo chgrp tss ${path} and be in the group tss; for every start: echo "z ${path} 0440 root tss" | sudo tee /etc/tmpfiles.d/tpm-event-log.conf`,
        cause,
      });
    }
    throw missingEventLog(`there is no event log (${path} cannot be read)`, {
      hint: "mount the kernel's folder: sudo mount -t securityfs securityfs /sys/kernel/security; without UEFI there is no log",
      cause,
    });
  }
  if (log.length > 0) return log;
  throw missingEventLog(`the event log is empty (${path})`, {
    hint: "switch the TPM on in the firmware setup, and start with UEFI",
  });
}
