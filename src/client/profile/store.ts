/**
 * Logins in the profile folder: save, read the keys, remove; `logins.ts` finds them. Writers hold the folder's lock; readers see one consistent
 * login because a key is checked against its certificate. The keys stored here never carry device fields.
 */
import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import { sameBytes } from "#base/bytes.ts";
import { Fault } from "#base/fault.ts";
import { formatDocument, type ProfileDocument } from "./document.ts";
import { readText, removePath, writePrivate } from "./files.ts";
import { withProfileLock } from "./lock.ts";
import { findCurrentHost, keyOf, type StoredLogin } from "./logins.ts";
import { folderPaths, loginPaths } from "./paths.ts";
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
    if (findCurrentHost(folder) === key.host) {
      removePath(shared.current);
      writePrivate(shared.lastProxy, `${login.document.webProxyAddr}\n`);
    }
  });
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
