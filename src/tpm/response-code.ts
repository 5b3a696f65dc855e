/**
 * Response codes (TPM 2.0 Library Part 2 section 6.6) as faults that say what to do.
 */
import { Fault } from "#base/fault.ts";

interface KnownCode {
  readonly name: string;
  readonly hint?: string;
}

const ownerHint =
  "a password is set on a hierarchy of this TPM; remove it with tpm2_changeauth, or clear the TPM in the firmware setup";
const restartHint = "close other programs that use the TPM, or restart the machine";

/** Codes without a parameter, session or handle number. */
const plainCodes = new Map<number, KnownCode>([
  // What a TPM 1.2 answers to every command of a TPM 2.0.
  [
    0x1e,
    {
      name: "BAD_TAG",
      hint: "this is a TPM 1.2; where the firmware setup can switch it to TPM 2.0, do that",
    },
  ],
  [0x100, { name: "INITIALIZE", hint: "restart the machine: its firmware did not start the TPM" }],
  [0x101, { name: "FAILURE", hint: "restart the machine; if it stays, the TPM is defective" }],
  [0x120, { name: "DISABLED", hint: "switch the TPM on in the firmware setup" }],
  [0x12f, { name: "AUTH_UNAVAILABLE" }],
  [0x143, { name: "COMMAND_CODE", hint: "this TPM lacks a command that device trust needs" }],
  [0x14c, { name: "REBOOT", hint: "restart the machine" }],
  [0x902, { name: "OBJECT_MEMORY", hint: restartHint }],
  [0x903, { name: "SESSION_MEMORY", hint: restartHint }],
  [0x904, { name: "MEMORY", hint: restartHint }],
  [0x905, { name: "SESSION_HANDLES", hint: restartHint }],
  [0x908, { name: "YIELDED", hint: "the TPM is busy: try again" }],
  [0x90a, { name: "TESTING", hint: "the TPM is busy: try again" }],
  [0x920, { name: "NV_RATE", hint: "the TPM is busy: try again in a minute" }],
  [
    0x921,
    {
      name: "LOCKOUT",
      hint: "the TPM is locked after wrong passwords: wait, or reset it with tpm2_dictionarylockout",
    },
  ],
  [0x922, { name: "RETRY", hint: "the TPM is busy: try again" }],
  [0x923, { name: "NV_UNAVAILABLE", hint: "the TPM is busy: try again" }],
]);

/** Codes with a number: the value is bits 0 to 5. */
const numberedCodes = new Map<number, KnownCode>([
  [0x02, { name: "ATTRIBUTES" }],
  [0x04, { name: "VALUE" }],
  [
    0x05,
    {
      name: "HIERARCHY",
      hint: "switch the owner and endorsement hierarchies on in the firmware setup",
    },
  ],
  [0x0a, { name: "TYPE" }],
  [0x0b, { name: "HANDLE" }],
  [0x0e, { name: "AUTH_FAIL", hint: ownerHint }],
  [0x15, { name: "SIZE" }],
  [0x1d, { name: "POLICY_FAIL" }],
  [0x1f, { name: "INTEGRITY" }],
  [0x22, { name: "BAD_AUTH", hint: ownerHint }],
  [0x23, { name: "EXPIRED" }],
]);

/** Answers that ask for the same command again (Part 3 section 5.2). */
const busyCodes = new Set([0x908, 0x90a, 0x922]);

const retryMax = 8;
const retryFirstMs = 20;

/** How long to wait before attempt `attempt` (from 1), or undefined when the code is no reason to try again. */
export function retryDelayMs(code: number, attempt: number): number | undefined {
  return busyCodes.has(code) && attempt <= retryMax ? retryFirstMs * 2 ** (attempt - 1) : undefined;
}

/** The value of a response code without the number of the parameter, session or handle it is about. */
export function baseCode(code: number): number {
  return (code & 0x80) === 0 ? code : 0x80 | (code & 0x3f);
}

/** Base codes that callers act upon. */
export const responseCode = {
  initialize: 0x100,
  objectMemory: 0x902,
  value: 0x84,
  handle: 0x8b,
  integrity: 0x9f,
} as const;

/** A fault for a command that the TPM refused. `audit.tpm_rc` holds the code. */
export function tpmFault(commandName: string, code: number): Fault {
  const numbered = (code & 0x80) !== 0;
  const known = numbered ? numberedCodes.get(code & 0x3f) : plainCodes.get(code);
  const name = known?.name ?? `0x${code.toString(16)}`;
  return new Fault("environment", `the TPM answered ${name} to ${commandName}`, {
    ...(known?.hint === undefined ? {} : { hint: known.hint }),
    audit: { reason: "tpm_error", tpm_rc: code, tpm_command: commandName },
  });
}

/** True when `error` is the TPM's refusal with one of these base codes. */
export function isTpmFault(error: unknown, ...codes: readonly number[]): error is Fault {
  if (!(error instanceof Fault)) return false;
  const code = error.audit["tpm_rc"];
  return typeof code === "number" && (codes.length === 0 || codes.includes(baseCode(code)));
}
