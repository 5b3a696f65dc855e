/**
 * The names that become parts of paths in the profile folder: proxy host, user, cluster, database. They come from a command
 * line or from a server, so each is checked before a path is built from it. Nothing here touches a file.
 */
import { Fault } from "#base/fault.ts";

/** What a name stands for, as the person reads it in a refusal. */
export type NameKind = "proxy host" | "user" | "cluster" | "database";

const longest: Readonly<Record<NameKind, number>> = {
  "proxy host": 253,
  user: 200,
  cluster: 200,
  database: 200,
};

/**
 * Returns `name` when it is one harmless path component: no separator, no control character, not hidden, not
 * longer than a file name may be. Throws `invalid` otherwise.
 */
export function assertName(kind: NameKind, name: string): string {
  const harmless =
    name.length > 0 &&
    name.length <= longest[kind] &&
    !name.startsWith(".") &&
    !name.startsWith("-") &&
    !/[/\\\u0000-\u001f\u007f-\u009f\u2028\u2029]/u.test(name) &&
    name.trim() === name;
  if (!harmless) {
    throw new Fault("invalid", `${JSON.stringify(name.slice(0, 80))} cannot be a ${kind} name`, {
      hint: `a ${kind} name has no path separators or control characters and starts with neither "." nor "-"`,
    });
  }
  return name;
}

/** The host part of `host:port`; an IPv6 address loses its brackets. */
export function hostOf(address: string): string {
  return splitAddress(address).host;
}

/** Splits `host`, `host:port` or `[v6]:port`. The port is undefined when absent. Throws `usage`. */
export function splitAddress(address: string): { host: string; port: number | undefined } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:\s/@[\]]+))(?::(\d{1,5}))?$/u.exec(address);
  const host = match?.[1] ?? match?.[2];
  const port = match?.[3] === undefined ? undefined : Number(match[3]);
  if (host === undefined || (port !== undefined && (port < 1 || port > 65_535))) {
    throw new Fault("usage", `"${address.slice(0, 120)}" is not an address`, {
      hint: "write a host name with an optional port, as in teleport.example.com:443",
    });
  }
  return { host, port };
}

/** `host:port`, with brackets around an IPv6 address. */
export function joinAddress(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
