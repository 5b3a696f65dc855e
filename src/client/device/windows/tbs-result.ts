/**
 * Results of TPM Base Services as faults that say what to do (Microsoft's reference "TBS Return Codes", and winerror.h
 * for those of the TPM driver).
 */
import { Fault } from "#base/fault.ts";
import { missingEventLog } from "../event-log-file.ts";

interface KnownResult {
  readonly message: string;
  readonly hint: string;
}

const administrator = "open a terminal as administrator and repeat the command there";
const firmware =
  "switch the TPM on in the firmware setup (also called PTT or fTPM); tpm.msc shows what Windows sees";
const restart = "try again; if it stays, restart the machine";
const startService = "as administrator: Set-Service TBS -StartupType Manual; Start-Service TBS";

const results: ReadonlyMap<number, KnownResult> = new Map([
  [0x80284006, { message: "Windows could not talk to the TPM", hint: restart }],
  [0x80284007, { message: "this Windows does not know TPM 2.0", hint: "use Windows 10 or later" }],
  [0x80284008, { message: "the service TPM Base Services is not running", hint: startService }],
  [
    0x80284009,
    {
      message: "too many programs use the TPM at once",
      hint: "close programs that use the TPM, and try again",
    },
  ],
  [
    0x8028400a,
    {
      message: "the TPM holds too many keys of other programs",
      hint: "close programs that use the TPM, and try again",
    },
  ],
  [
    0x8028400b,
    { message: "the service TPM Base Services is still starting", hint: "try again in a minute" },
  ],
  [0x8028400d, { message: "Windows cancelled the command of the TPM", hint: restart }],
  [0x8028400f, { message: "this machine has no TPM 2.0", hint: firmware }],
  [0x80284010, { message: "the service TPM Base Services is disabled", hint: startService }],
  [0x80284012, { message: "you may not use the TPM", hint: administrator }],
  [
    0x80284016,
    {
      message: "Windows has not finished setting up the TPM",
      hint: "wait a few minutes, or as administrator: Initialize-Tpm",
    },
  ],
  [
    0x80280400,
    { message: "Windows does not let this account use a command of the TPM", hint: administrator },
  ],
]);

const noEventLog = 0x80284011;
const noOwnerAuth = 0x80284015;
/** TBS_E_ACCESS_DENIED, and E_ACCESSDENIED of the registry where Windows keeps passwords. */
const denied: ReadonlySet<number> = new Set([0x80284012, 0x80070005]);

/** True when Windows keeps no such password: TBS_E_OWNERAUTH_NOT_FOUND. */
export function isNoPassword(result: number): boolean {
  return result >>> 0 === noOwnerAuth;
}

/** The fault for a password of the TPM that Windows did not tell. */
export function passwordFault(result: number): Fault {
  if (!denied.has(result >>> 0)) return tbsFault(result);
  return new Fault("environment", "Windows tells the TPM's password to administrators only", {
    hint: administrator,
    audit: { reason: "tbs_error", tbs_result: result >>> 0 },
  });
}

/** The fault for a result that is not zero. `audit.tbs_result` holds it. */
export function tbsFault(result: number): Fault {
  const code = result >>> 0;
  if (code === noEventLog) {
    return missingEventLog("Windows keeps no event log of this TPM", {
      hint: "start with UEFI, without legacy BIOS mode",
    });
  }
  const known = results.get(code);
  const message = known?.message ?? `TPM Base Services answered 0x${code.toString(16)}`;
  return new Fault("environment", message, {
    hint: known?.hint ?? restart,
    audit: { reason: "tbs_error", tbs_result: code },
  });
}

/** The machine's TPM is one of the older kind, which Windows serves as well. */
export function oldTpmFault(): Fault {
  return new Fault("environment", "the TPM of this machine is no TPM 2.0", {
    hint: "where the firmware setup can switch it to TPM 2.0, do that",
  });
}
