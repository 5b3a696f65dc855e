/** Pinned addresses: a certificate that names one is good from there only. */
import { isIP } from "node:net";

/** True when both texts are the same IP address; an IPv4 address mapped into IPv6 is the IPv4 address. */
export function sameAddress(a: string, b: string): boolean {
  const left = normalize(a);
  return left !== undefined && left === normalize(b);
}

function normalize(address: string): string | undefined {
  const bare = address.replace(/%.*$/, "");
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare)?.[1];
  if (mapped !== undefined && isIP(mapped) === 4) return mapped;
  if (isIP(bare) === 4) return bare;
  return isIP(bare) === 6 ? new URL(`http://[${bare}]/`).hostname : undefined;
}
