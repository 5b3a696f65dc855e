/** Which TPM to use, as the variable GATEHOUSE_TPM says: other than the default only for tests and virtual TPMs. */
import { Fault } from "#base/fault.ts";
import type { Environment } from "../device-state.ts";

/** Where a TPM is. */
export type TpmSelection =
  | { readonly kind: "device"; readonly path: string }
  /** The one of the machine, through Windows' TPM Base Services. */
  | { readonly kind: "tbs" }
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number };

/** The kernel's resource manager. Never /dev/tpm0, which one program holds alone. */
export const defaultTpm: TpmSelection = { kind: "device", path: "/dev/tpmrm0" };

/** Windows shares its TPM by a service. */
export const windowsTpm: TpmSelection = { kind: "tbs" };

/** The TPM that the environment selects; without a word there, that of the machine. Throws `usage`. */
export function selectTpm(env: Environment, system: "linux" | "windows"): TpmSelection {
  return parseTpmSelection(env["GATEHOUSE_TPM"], system === "windows" ? windowsTpm : defaultTpm);
}

/** A software TPM of a test: nobody started it, and the machine's event log is not about it. */
export function isVirtual(
  tpm: TpmSelection,
): tpm is Extract<TpmSelection, { kind: "unix" | "tcp" }> {
  return tpm.kind === "unix" || tpm.kind === "tcp";
}

const tcp = /^(?:\[([0-9a-fA-F:]+)\]|([^[\]:]+)):(\d{1,5})$/;

/**
 * Parses `swtpm:unix:PATH`, `swtpm:tcp:HOST:PORT` or `device:PATH`. An empty text or undefined is the TPM
 * of the machine. The caller warns when it is another.
 */
export function parseTpmSelection(
  text: string | undefined,
  machine: TpmSelection = defaultTpm,
): TpmSelection {
  if (text === undefined || text === "") return machine;
  const [scheme, rest] = splitScheme(text);
  if (rest === "") throw notASelection(text);
  if (scheme === "device") return { kind: "device", path: rest };
  if (scheme === "swtpm:unix") return { kind: "unix", path: rest };
  const [, bracketed, plain, port] = (scheme === "swtpm:tcp" ? tcp.exec(rest) : null) ?? [];
  const host = bracketed ?? plain;
  const number = Number(port);
  if (host === undefined || number < 1 || number > 65_535) throw notASelection(text);
  return { kind: "tcp", host, port: number };
}

function splitScheme(text: string): [scheme: string, rest: string] {
  for (const scheme of ["device", "swtpm:unix", "swtpm:tcp"]) {
    if (text.startsWith(`${scheme}:`)) return [scheme, text.slice(scheme.length + 1)];
  }
  return ["", ""];
}

function notASelection(text: string): Fault {
  return new Fault("usage", `GATEHOUSE_TPM is "${text}", which names no TPM`, {
    hint: "use device:PATH, swtpm:unix:PATH or swtpm:tcp:HOST:PORT, or unset it for the TPM of this machine",
  });
}
