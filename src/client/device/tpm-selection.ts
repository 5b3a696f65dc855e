/** Which TPM to use, as the variable GATEHOUSE_TPM says: other than the default only for tests and virtual TPMs. */
import { Fault } from "#base/fault.ts";

/** Where a TPM is. */
export type TpmSelection =
  | { readonly kind: "device"; readonly path: string }
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number };

/** The kernel's resource manager. Never /dev/tpm0, which one program holds alone. */
export const defaultTpm: TpmSelection = { kind: "device", path: "/dev/tpmrm0" };

const tcp = /^(?:\[([0-9a-fA-F:]+)\]|([^[\]:]+)):(\d{1,5})$/;

/**
 * Parses `swtpm:unix:PATH`, `swtpm:tcp:HOST:PORT` or `device:PATH`. An empty text or undefined is the default. The caller
 * warns when the result is not {@link defaultTpm}.
 */
export function parseTpmSelection(text: string | undefined): TpmSelection {
  if (text === undefined || text === "") return defaultTpm;
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
    hint: "use device:PATH, swtpm:unix:PATH or swtpm:tcp:HOST:PORT, or unset it for /dev/tpmrm0",
  });
}
