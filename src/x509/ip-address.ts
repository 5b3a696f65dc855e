/**
 * IP addresses between text and the 4 or 16 bytes of a certificate's iPAddress name (RFC 5280
 * section 4.2.1.6).
 */
import { isIPv4, isIPv6 } from "node:net";
import { Fault } from "#base/fault.ts";

/** Encodes "192.0.2.1" or "2001:db8::1"; throws `invalid` for anything else, zones included. */
export function encodeIpAddress(text: string): Uint8Array {
  if (isIPv4(text)) return Uint8Array.from(text.split("."), Number);
  if (!isIPv6(text) || text.includes("%")) {
    throw new Fault("invalid", `"${text}" is not an IP address`);
  }
  const [left = "", right] = text.replace(/[\d.]+\.[\d.]+$/, formatGroups).split("::");
  const before = parseGroups(left);
  const after = parseGroups(right ?? "");
  const zeros = new Array<number>(8 - before.length - after.length).fill(0);
  return Uint8Array.from(
    [...before, ...zeros, ...after].flatMap((word) => [word >> 8, word & 0xff]),
  );
}

/** The IPv4 address at the end of an IPv6 address, as two groups. */
function formatGroups(ipv4: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = encodeIpAddress(ipv4);
  return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}

function parseGroups(text: string): number[] {
  return text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
}

/** Decodes 4 or 16 bytes to text (RFC 5952 for IPv6); throws `malformed` for other lengths. */
export function decodeIpAddress(bytes: Uint8Array): string {
  if (bytes.length === 4) return [...bytes].join(".");
  if (bytes.length !== 16) throw new Fault("malformed", "an IP address has 4 or 16 bytes");
  const words = Array.from(
    { length: 8 },
    (_, i) => ((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0),
  );
  const text = words.map((word) => word.toString(16)).join(":");
  const runs = [...text.matchAll(/\b0(?::0)+\b/g)].sort((a, b) => b[0].length - a[0].length);
  const [run] = runs;
  if (run === undefined) return text;
  const before = text.slice(0, run.index).replace(/:$/, "");
  const after = text.slice(run.index + run[0].length).replace(/^:/, "");
  return `${before}::${after}`;
}
