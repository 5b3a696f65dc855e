/**
 * Network addresses as people write them: "0.0.0.0:3080", ":3080", "[::1]:22", "proxy.example.com".
 */

/** A host and a TCP port. */
export interface Address {
  readonly host: string;
  /** 0 lets the system choose, where the address is listened on. */
  readonly port: number;
}

/**
 * Host and port of a text; `defaultPort` where it names none, `defaultHost` where it is ":port".
 * Undefined if neither.
 */
export function parseAddress(
  given: string,
  defaultPort: number,
  defaultHost = "0.0.0.0",
): Address | undefined {
  const withoutScheme = given.replace(/^(?:https|tcp):\/\//, "");
  const match = /^(?:\[([0-9a-fA-F:.]+(?:%[\w.-]+)?)\]|([^\s:/[\]]*))(?::(\d{1,5}))?$/.exec(
    withoutScheme,
  );
  if (match === null) return undefined;
  const [, ip6, name = "", digits] = match;
  const host = ip6 ?? (name === "" && digits !== undefined ? defaultHost : name);
  const port = Number(digits ?? (given.startsWith("https://") ? 443 : defaultPort));
  return host === "" || port > 65535 ? undefined : { host, port };
}

/** "host:port", with brackets around an IPv6 address. */
export function formatAddress({ host, port }: Address): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
