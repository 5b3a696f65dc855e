/**
 * Databases that a person has logged in to: a key and a certificate each, in the official layout of the profile folder. The
 * certificate is for this database only and names no device: where one is demanded, connections come from memory.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { isFault } from "#base/fault.ts";
import type { DatabaseRoute } from "#identity/identity.ts";
import { decodeSubject } from "#identity/subject.ts";
import { parseCertificate } from "#x509/certificate.ts";
import { parseSinglePem } from "#x509/pem.ts";
import type { DatabaseIdentity } from "../cluster/databases.ts";
import { isMissing, readText, removePath, writePrivate } from "../profile/files.ts";
import type { StoredLogin } from "../profile/logins.ts";
import { assertName } from "../profile/names.ts";
import { loginPaths } from "../profile/paths.ts";

/** Keeps a certificate. */
export function storeDatabase(login: StoredLogin, name: string, identity: DatabaseIdentity): void {
  const { certificate, key } = filesOf(login, name);
  writePrivate(key, identity.key);
  writePrivate(certificate, identity.certificate);
}

/** The database of this name that was logged in to; undefined when there is none, or its certificate has ended. */
export function findStoredDatabase(
  login: StoredLogin,
  name: string,
  now: Date,
): DatabaseRoute | undefined {
  const text = readText(filesOf(login, name).certificate);
  if (text === undefined) return undefined;
  try {
    const { subject, notAfter } = parseCertificate(parseSinglePem("CERTIFICATE", text));
    return notAfter > now ? decodeSubject(subject, notAfter, "user").database : undefined;
  } catch (error) {
    // A damaged file is no login; the next one writes it anew.
    if (isFault(error)) return undefined;
    throw error;
  }
}

/** Names of the databases that were logged in to, sorted. */
export function storedDatabases(login: StoredLogin): string[] {
  try {
    return readdirSync(folderOf(login))
      .filter((file) => file.endsWith(".crt"))
      .map((file) => file.slice(0, -".crt".length))
      .sort();
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** Removes key and certificate. */
export function removeStoredDatabase(login: StoredLogin, name: string): void {
  const { certificate, key } = filesOf(login, name);
  removePath(key);
  removePath(certificate);
}

function folderOf({ folder, key }: StoredLogin): string {
  return join(loginPaths(folder, key).databases, assertName("cluster", key.cluster));
}

function filesOf(login: StoredLogin, name: string): { certificate: string; key: string } {
  const path = join(folderOf(login), assertName("database", name));
  return { certificate: `${path}.crt`, key: `${path}.key` };
}
