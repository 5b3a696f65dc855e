/**
 * Logins in the profile folder: save, find, load, remove. Writers hold the folder's lock; readers see one consistent
 * login because a key is checked against its certificate. The keys stored here never carry device fields.
 */
import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import { readdirSync } from "node:fs";
import { sameBytes } from "#base/bytes.ts";
import { Fault } from "#base/fault.ts";
import { formatDocument, type ProfileDocument, parseDocument } from "./document.ts";
import { isMissing, readText, removePath, writePrivate } from "./files.ts";
import { withProfileLock } from "./lock.ts";
import { assertName, hostOf } from "./names.ts";
import { folderPaths, loginPaths, type ProfileKey } from "./paths.ts";
import { type HostAuthority, withoutHost, writeAuthorities } from "./trust.ts";

/** Private keys and certificates of a login, in their file formats. */
export interface StoredCredentials {
  /** OpenSSH or PKCS#8 PEM. */
  readonly sshKey: string;
  /** authorized_keys lines. */
  readonly sshPublicKey: string;
  readonly sshCertificate: string;
  /** PEM. */
  readonly tlsKey: string;
  readonly tlsCertificate: string;
}

/** A login as found in the folder. */
export interface StoredLogin {
  readonly folder: string;
  readonly key: ProfileKey;
  readonly document: ProfileDocument;
}

/** Writes a login and makes it the current one. */
export async function saveLogin(
  folder: string,
  document: ProfileDocument,
  credentials: StoredCredentials,
  authorities: readonly HostAuthority[],
): Promise<StoredLogin> {
  const key = keyOf(document);
  const paths = loginPaths(folder, key);
  await withProfileLock(folder, () => {
    for (const path of [
      paths.deviceMark,
      paths.deviceCertificate,
      paths.statusCache,
      paths.oldTlsCertificate,
      paths.sshCertificates,
    ]) {
      removePath(path);
    }
    writePrivate(paths.sshKey, credentials.sshKey);
    writePrivate(paths.sshPublicKey, credentials.sshPublicKey);
    writePrivate(paths.tlsKey, credentials.tlsKey);
    writePrivate(paths.tlsCertificate, credentials.tlsCertificate);
    writePrivate(paths.sshCertificate, credentials.sshCertificate);
    writeAuthorities(folder, key, authorities);
    writePrivate(folderPaths(folder).document(key.host), formatDocument(document));
    writePrivate(folderPaths(folder).current, `${key.host}\n`);
  });
  return { folder, key, document };
}

/** The host of the current profile, or undefined when nobody is logged in. */
export function findCurrentHost(folder: string): string | undefined {
  const name = readText(folderPaths(folder).current)?.trim();
  return name === undefined || name === "" ? undefined : assertName("proxy host", name);
}

/** Hosts that have a profile document, sorted. */
export function listHosts(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith(".yaml") && !name.startsWith("."))
      .map((name) => name.slice(0, -".yaml".length))
      .sort();
  } catch (error) {
    if (isMissing(error)) return [];
    throw new Fault("environment", `cannot read the profile folder ${folder}`, { cause: error });
  }
}

/** The login at `host`, or the current one; undefined when there is none. */
export async function findLogin(folder: string, host?: string): Promise<StoredLogin | undefined> {
  const name = host ?? findCurrentHost(folder);
  if (name === undefined) return undefined;
  const text = readText(folderPaths(folder).document(name));
  if (text === undefined) return undefined;
  const document = await parseDocument(text);
  return { folder, key: { ...keyOf(document), host: name }, document };
}

/** As {@link findLogin}, but throws `not-found` with the command that helps. */
export async function getLogin(folder: string, host?: string): Promise<StoredLogin> {
  const login = await findLogin(folder, host);
  if (login === undefined) {
    throw new Fault(
      "not-found",
      host === undefined ? "not logged in" : `not logged in at ${host}`,
      {
        hint: `log in with: tsh login --proxy=${host ?? "HOST"} --user=NAME`,
      },
    );
  }
  return login;
}

/** Keys and certificates of a login. Throws `not-found` when a part is missing or does not belong to the rest. */
export async function readCredentials(login: StoredLogin): Promise<StoredCredentials> {
  const first = readOnce(login);
  if (first !== undefined) return first;
  // A writer may be between two files: look again when no writer is at work.
  const second = await withProfileLock(login.folder, () => readOnce(login));
  if (second !== undefined) return second;
  throw new Fault(
    "not-found",
    `the keys of ${login.key.user} at ${login.key.host} are not complete`,
    {
      hint: `log in again: tsh login --proxy=${login.document.webProxyAddr} --user=${login.key.user}`,
    },
  );
}

/** Removes one login, and the proxy's files with its last one. */
export async function removeLogin(login: StoredLogin): Promise<void> {
  const { folder, key } = login;
  const shared = folderPaths(folder);
  const paths = loginPaths(folder, key);
  await withProfileLock(folder, () => {
    for (const path of [
      paths.sshKey,
      paths.sshPublicKey,
      paths.tlsKey,
      paths.tlsCertificate,
      paths.oldTlsCertificate,
      paths.deviceMark,
      paths.statusCache,
      ...paths.userFolders,
    ]) {
      removePath(path);
    }
    removePath(shared.document(key.host));
    removePath(paths.keys);
    const known = readText(shared.knownHosts);
    if (known !== undefined) writePrivate(shared.knownHosts, withoutHost(known, key.host));
    if (findCurrentHost(folder) === key.host) removePath(shared.current);
  });
}

function keyOf(document: ProfileDocument): ProfileKey {
  const host = assertName("proxy host", hostOf(document.webProxyAddr));
  const cluster = assertName("cluster", document.cluster === "" ? host : document.cluster);
  return { host, user: assertName("user", document.user), cluster };
}

function readOnce({ folder, key }: StoredLogin): StoredCredentials | undefined {
  const paths = loginPaths(folder, key);
  const sshKey = readText(paths.sshKey);
  const sshCertificate = readText(paths.sshCertificate);
  const tlsCertificate = readText(paths.tlsCertificate) ?? readText(paths.oldTlsCertificate);
  const tlsKey = readText(paths.tlsKey) ?? sshKey;
  if (!sshKey || !sshCertificate || !tlsKey || !tlsCertificate) return undefined;
  if (!belongTogether(tlsKey, tlsCertificate)) return undefined;
  return {
    sshKey,
    sshPublicKey: readText(paths.sshPublicKey) ?? "",
    sshCertificate,
    tlsKey,
    tlsCertificate,
  };
}

function belongTogether(key: string, certificate: string): boolean {
  try {
    const form = { type: "spki", format: "der" } as const;
    const ofKey = createPublicKey(createPrivateKey(key)).export(form);
    return sameBytes(ofKey, new X509Certificate(certificate).publicKey.export(form));
  } catch {
    return false;
  }
}
