/** Where a client comes from, as the proxy tells it: an address with or without a port. */
import { isIP } from "node:net";

/** An IP address and a port; "" and 0 when they are not known. */
export interface ClientAddress {
  readonly address: string;
  readonly port: number;
}

/** Reads `192.0.2.1:50022`, `[2001:db8::1]:50022` or a bare address. What is no address is not known. */
export function parseClientAddress(text: string): ClientAddress {
  const plain = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, "");
  if (isIP(text) !== 0) return { address: plain(text), port: 0 };
  const found = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  const address = found?.[1] ?? found?.[2] ?? "";
  const port = Number(found?.[3] ?? 0);
  if (isIP(address) === 0 || port > 65_535) return { address: "", port: 0 };
  return { address: plain(address), port };
}

/** The address as events show it. */
export function formatClientAddress({ address, port }: ClientAddress): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
