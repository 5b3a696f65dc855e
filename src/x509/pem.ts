/**
 * PEM blocks (RFC 7468, its strict form): labels that match, lines of 64 characters, padding where
 * it belongs, nothing but blank lines between blocks. Line ends may be LF or CR LF. Private keys
 * have labels of their own and pass as well.
 */
import { base64 } from "#base/bytes.ts";
import { Fault } from "#base/fault.ts";

/** Characters of a PEM text that we are ready to look at: some hundred certificates. */
const maxPemLength = 1024 * 1024;

/** Formats one block, with a line end after it. */
export function formatPem(label: string, bytes: Uint8Array): string {
  const lines = base64(bytes).match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
}

/** Formats a certificate. */
export function formatCertificatePem(der: Uint8Array): string {
  return formatPem("CERTIFICATE", der);
}

/**
 * Parses all blocks of a text, each of which must have this label. Throws `malformed` with the
 * number of the line.
 */
export function parsePem(label: string, text: string): Uint8Array[] {
  if (text.length > maxPemLength)
    throw new Fault("malformed", "a PEM text is larger than the limit");
  const lines = text.split(/\r?\n/);
  const blocks: Uint8Array[] = [];
  for (let at = 0; at < lines.length; at++) {
    if (lines[at] === "") continue;
    if (lines[at] !== `-----BEGIN ${label}-----`) {
      throw new Fault(
        "malformed",
        `line ${at + 1} of a PEM text must be "-----BEGIN ${label}-----"`,
      );
    }
    const end = lines.indexOf(`-----END ${label}-----`, at);
    if (end < 0) throw new Fault("malformed", `the PEM block of line ${at + 1} has no end`);
    blocks.push(decodeBody(lines.slice(at + 1, end), at + 1));
    at = end;
  }
  return blocks;
}

/** Parses a text that holds exactly one block with this label. */
export function parseSinglePem(label: string, text: string): Uint8Array {
  const [block, ...more] = parsePem(label, text);
  if (block === undefined || more.length > 0) {
    throw new Fault("malformed", `a PEM text must hold exactly one ${label.toLowerCase()}`);
  }
  return block;
}

function decodeBody(lines: readonly string[], line: number): Uint8Array {
  const text = lines.join("");
  const full = lines.slice(0, -1).every((part) => part.length === 64);
  const last = lines.at(-1)?.length ?? 0;
  const bytes = new Uint8Array(Buffer.from(text, "base64"));
  if (!full || last === 0 || last > 64 || base64(bytes) !== text) {
    throw new Fault("malformed", `the PEM block of line ${line} is not base64 in lines of 64`);
  }
  return bytes;
}
