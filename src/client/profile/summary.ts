/**
 * What `tsh status` shows of a login: read from the stored SSH certificate once, then from a small JSON file beside it
 * that is good as long as the certificate is the same file. Display only: nothing here decides anything.
 */
import { statSync } from "node:fs";
import { parseStored } from "./damaged.ts";
import { readText, writePrivate } from "./files.ts";
import type { StoredLogin } from "./logins.ts";
import { loginPaths } from "./paths.ts";

/** A login in words. */
export interface LoginSummary {
  /** `host:port` of the proxy. */
  readonly proxy: string;
  readonly user: string;
  readonly cluster: string;
  readonly roles: readonly string[];
  readonly traits: Readonly<Record<string, readonly string[]>>;
  readonly logins: readonly string[];
  readonly kubernetes: boolean;
  /** RFC 3339. */
  readonly validUntil: string;
  /** Names of certificate extensions, sorted; the device's are among them when it is authenticated. */
  readonly extensions: readonly string[];
  /** Asset tag of the authenticated device. */
  readonly device?: string;
}

/** What the certificate alone says. */
type CertificateSummary = Pick<
  LoginSummary,
  "roles" | "traits" | "logins" | "validUntil" | "extensions"
>;

/** The device that the agent of this machine authenticated. */
export interface DeviceMark {
  /** Which agent: a copy of the folder elsewhere has another, and shows no device. */
  readonly agent: string;
  readonly assetTag: string;
  /** Stamp of the login's certificate file that it belongs to. */
  readonly login: string;
  readonly expires: string;
}

const deviceExtensions = [
  "teleport-device-asset-tag",
  "teleport-device-credential-id",
  "teleport-device-id",
];
/** Carried by every certificate; shown in other lines. */
const notShown = new Set([
  "teleport-roles",
  "teleport-traits",
  "teleport-route-to-cluster",
  "teleport-active-requests",
  "teleport-allowed-resources",
]);

/** The summary of a login; undefined when its certificate is missing. `agent` is the id of this machine's agent. */
export async function summarizeLogin(
  login: StoredLogin,
  agent: string,
  now: Date,
): Promise<LoginSummary | undefined> {
  const { document, key } = login;
  const stamp = certificateStamp(login);
  if (stamp === undefined) return undefined;
  const certificate = readCache(login, stamp) ?? (await readCertificate(login, stamp));
  const mark = readMark(login, agent, stamp, now);
  const extensions =
    mark === undefined
      ? certificate.extensions
      : [...new Set([...certificate.extensions, ...deviceExtensions])].sort();
  return {
    proxy: document.webProxyAddr,
    user: key.user,
    cluster: key.cluster,
    kubernetes: document.kubeProxyAddr !== "",
    ...certificate,
    extensions,
    ...(mark === undefined ? {} : { device: mark.assetTag }),
  };
}

/** Identifies the content of the login's certificate file without reading it. */
export function certificateStamp({ folder, key }: StoredLogin): string | undefined {
  const stat = statSync(loginPaths(folder, key).sshCertificate, { throwIfNoEntry: false });
  return stat === undefined ? undefined : `${stat.mtimeMs}-${stat.size}-${stat.ino}`;
}

/** Remembers which device was authenticated for a login. */
export function writeDeviceMark({ folder, key }: StoredLogin, mark: DeviceMark): void {
  writePrivate(loginPaths(folder, key).deviceMark, `${JSON.stringify(mark)}\n`);
}

function readMark(
  { folder, key }: StoredLogin,
  agent: string,
  stamp: string,
  now: Date,
): DeviceMark | undefined {
  const mark = parse<DeviceMark>(readText(loginPaths(folder, key).deviceMark));
  const good =
    typeof mark?.assetTag === "string" &&
    mark.agent === agent &&
    mark.login === stamp &&
    Date.parse(mark.expires) > now.getTime();
  return good ? mark : undefined;
}

function readCache({ folder, key }: StoredLogin, stamp: string): CertificateSummary | undefined {
  const cache = parse<{ stamp: string; summary: CertificateSummary }>(
    readText(loginPaths(folder, key).statusCache),
  );
  const summary = cache?.stamp === stamp ? cache.summary : undefined;
  const good =
    Array.isArray(summary?.roles) &&
    Array.isArray(summary.logins) &&
    Array.isArray(summary.extensions) &&
    typeof summary.validUntil === "string";
  return good ? summary : undefined;
}

async function readCertificate(login: StoredLogin, stamp: string): Promise<CertificateSummary> {
  const { parseAuthorizedKey } = await import("#ssh/public-key.ts");
  const { parseCertificate } = await import("#ssh/certificate.ts");
  const paths = loginPaths(login.folder, login.key);
  const line = readText(paths.sshCertificate) ?? "";
  const certificate = parseStored(login, "the SSH certificate", paths.sshCertificate, () =>
    parseCertificate(parseAuthorizedKey(line).blob),
  );
  const { extensions, principals, validBefore } = certificate;
  const summary = {
    roles: parse<{ roles: string[] }>(extensions.get("teleport-roles"))?.roles ?? [],
    traits: parse<Record<string, string[]>>(extensions.get("teleport-traits")) ?? {},
    logins: principals.filter((name) => !name.startsWith("-teleport-")),
    validUntil: new Date(Number(validBefore) * 1000).toISOString().replace(".000Z", "Z"),
    extensions: [...extensions.keys()].filter((name) => !notShown.has(name)).sort(),
  };
  try {
    writePrivate(paths.statusCache, `${JSON.stringify({ stamp, summary })}\n`);
  } catch {
    // The cache only saves time; a folder that cannot be written is shown all the same.
  }
  return summary;
}

function parse<T>(text: string | undefined): T | undefined {
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as T) : undefined;
  } catch {
    return undefined;
  }
}
