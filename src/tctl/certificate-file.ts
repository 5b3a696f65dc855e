/** Files with certificates as administrators have them: PEM, DER, or what was read out of a TPM's memory with padding. */
import { Fault } from "#base/fault.ts";
import type { Console } from "#cli/console.ts";
import { readInputFile } from "./input-file.ts";

/** Every authority of TPMs that there is, several times over. */
const maxBytes = 1024 * 1024;

const pemBlock = /-----BEGIN CERTIFICATE-----([^-]*)-----END CERTIFICATE-----/g;

/** The certificates of a file in DER, possibly padded. Throws `environment`, or `invalid` when there is none. */
export async function readCertificates(file: string, console: Console): Promise<Uint8Array[]> {
  const bytes = await readInputFile(file, console, maxBytes);
  const blocks = [...bytes.toString("latin1").matchAll(pemBlock)];
  if (blocks.length > 0) {
    return blocks.map(([, base64 = ""]) => new Uint8Array(Buffer.from(base64, "base64")));
  }
  // A certificate is a SEQUENCE; the older form of NV memory has a header in front of it.
  const isDer = bytes[0] === 0x30 || (bytes[0] === 0x10 && bytes[1] === 0x01);
  if (isDer) return [new Uint8Array(bytes)];
  throw new Fault("invalid", `${file} holds no certificate`, {
    hint: "a certificate in PEM or DER is wanted, as from: tpm2_nvread 0x01c00002",
  });
}

/** A certificate as PEM. */
export function toPem(der: Uint8Array): string {
  const lines = Buffer.from(der)
    .toString("base64")
    .replace(/(.{64})(?!$)/g, "$1\n");
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}
