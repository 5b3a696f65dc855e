/**
 * The host authorities that a login trusts: `known_hosts` with `@cert-authority` lines (OpenSSH's format),
 * `cas/<cluster>.pem` and `certs.pem`. Parsing keeps what other programs wrote.
 */
import { Fault } from "#base/fault.ts";
import { readText, writePrivate } from "./files.ts";
import { folderPaths, loginPaths, type ProfileKey } from "./paths.ts";

/** The host authority of one cluster. */
export interface HostAuthority {
  readonly cluster: string;
  /** Public keys in authorized_keys form. */
  readonly sshKeys: readonly string[];
  /** Certificates in PEM. */
  readonly tlsCertificates: readonly string[];
}

/** Writes the authorities of a login's clusters in all three places. The caller holds the profile lock. */
export function writeAuthorities(
  folder: string,
  key: ProfileKey,
  authorities: readonly HostAuthority[],
): void {
  if (!authorities.some((authority) => authority.cluster === key.cluster)) {
    throw new Fault("malformed", "the proxy sent no host authority for its cluster");
  }
  for (const { cluster, tlsCertificates } of authorities) {
    writePrivate(loginPaths(folder, { ...key, cluster }).authority, joinPem(tlsCertificates));
  }
  const all = authorities.flatMap((authority) => authority.tlsCertificates);
  writePrivate(loginPaths(folder, key).trustedRoots, joinPem(all));
  const { knownHosts } = folderPaths(folder);
  const text = mergeKnownHosts(readText(knownHosts) ?? "", key.host, authorities);
  writePrivate(knownHosts, text);
}

/** PEM certificates of the host authority of the login's cluster. Throws `not-found` when there are none. */
export function readTlsAuthorities(folder: string, key: ProfileKey): string[] {
  const paths = loginPaths(folder, key);
  const text = readText(paths.authority) ?? readText(paths.trustedRoots) ?? "";
  const found = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/gu) ?? [];
  if (found.length === 0) throw missingAuthority(key);
  return found;
}

/** Host authority keys (authorized_keys form) for the login's cluster. Throws `not-found` when there are none. */
export function readSshAuthorities(folder: string, key: ProfileKey): string[] {
  const text = readText(folderPaths(folder).knownHosts) ?? "";
  const keys = text
    .split("\n")
    .map(parseAuthorityLine)
    .filter((line) => line !== undefined)
    .filter((line) => line.patterns.includes(key.cluster) && line.patterns.includes(key.host))
    .map((line) => line.key);
  if (keys.length === 0) throw missingAuthority(key);
  return keys;
}

/** `known_hosts` with the lines of these clusters replaced; all other lines stay as they are. */
export function mergeKnownHosts(
  text: string,
  host: string,
  authorities: readonly HostAuthority[],
): string {
  const prefixes = new Map<string, string>(
    authorities.map(({ cluster }) => [cluster, `${host},${cluster},*.${cluster}`]),
  );
  const names = new Set(prefixes.values());
  const kept = text.split("\n").filter((line) => {
    const parsed = parseAuthorityLine(line);
    return line !== "" && (parsed === undefined || !names.has(parsed.patterns.join(",")));
  });
  const added = authorities.flatMap(({ cluster, sshKeys }) =>
    sshKeys.map((key) => `@cert-authority ${prefixes.get(cluster)} ${checkedKey(key)}`),
  );
  const lines = [...kept, ...added];
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}

/** Drops the lines of one proxy host; used when the last login at that proxy ends. */
export function withoutHost(text: string, host: string): string {
  const kept = text
    .split("\n")
    .filter((line) => line !== "" && parseAuthorityLine(line)?.patterns[0] !== host);
  return kept.length === 0 ? "" : `${kept.join("\n")}\n`;
}

function parseAuthorityLine(line: string): { patterns: string[]; key: string } | undefined {
  const match = /^@cert-authority (\S+) (\S+ \S+)(?: .*)?$/u.exec(line);
  return match?.[1] === undefined || match[2] === undefined
    ? undefined
    : { patterns: match[1].split(","), key: match[2] };
}

/** A key goes on a line of its own: what a server sends must not start a second one. */
function checkedKey(line: string): string {
  const match = /^((?:ssh|ecdsa|sk)-[a-z0-9@.-]+ [A-Za-z0-9+/]+={0,2})(?: [^\r\n]*)?\n?$/u.exec(
    line,
  );
  if (match?.[1] === undefined) {
    throw new Fault("malformed", "the proxy sent a host authority that is no SSH public key");
  }
  return match[1];
}

function joinPem(certificates: readonly string[]): string {
  return certificates.map((pem) => `${pem.trim()}\n`).join("");
}

function missingAuthority(key: ProfileKey): Fault {
  return new Fault("not-found", `the profile holds no host authority for ${key.cluster}`, {
    hint: `log in again: tsh login --proxy=${key.host} --user=${key.user}`,
  });
}
