/** What the commands about databases share: the login, the database by its name, and as whom it is reached. */
import { Fault } from "#base/fault.ts";
import type { ClusterAccess } from "#client/access.ts";
import { chooseRoute, type DatabaseWish, databaseNamed } from "#client/database/choose.ts";
import type { LocalEnd } from "#client/database/programs.ts";
import { usualPort } from "#client/database/programs.ts";
import { findStoredDatabase } from "#client/database/stored.ts";
import type { StoredLogin } from "#client/profile/logins.ts";
import { readCredentials } from "#client/profile/store.ts";
import { parsePort } from "#client/ssh/target.ts";
import type { DatabaseRoute, UserIdentity } from "#identity/identity.ts";
import { decodeSubject } from "#identity/subject.ts";
import type { Database, DatabaseProtocol } from "#resource/database.ts";
import { parseCertificate } from "#x509/certificate.ts";
import { parseSinglePem } from "#x509/pem.ts";

/** A database, and as whom it is reached. */
export interface ChosenDatabase {
  readonly database: Database;
  readonly route: DatabaseRoute;
}

/** Who the stored login is, from its certificate. */
export async function loginIdentity(login: StoredLogin): Promise<UserIdentity> {
  const { tlsCertificate } = await readCredentials(login);
  const { subject, notAfter } = parseCertificate(parseSinglePem("CERTIFICATE", tlsCertificate));
  return decodeSubject(subject, notAfter, "user");
}

/** Finds the database of this name, and settles as whom it is reached. Throws `not-found` and `usage`. */
export async function chooseDatabase(
  access: Pick<ClusterAccess, "listDatabases">,
  login: StoredLogin,
  name: string,
  wish: DatabaseWish,
  now: Date,
): Promise<ChosenDatabase> {
  const query = { labels: {}, predicate: `name == ${JSON.stringify(name)}`, search: [] };
  const database = databaseNamed(await access.listDatabases(query), name);
  const stored = findStoredDatabase(login, database.metadata.name, now);
  const route = chooseRoute(database, wish, stored, await loginIdentity(login));
  return { database, route };
}

/** The local port that a person named, or the usual one of the protocol. */
export function localEndOf(protocol: DatabaseProtocol, port: string | undefined): LocalEnd {
  return {
    host: "127.0.0.1",
    port: port === undefined ? usualPort(protocol) : parsePort(port),
  };
}

/** The sentence about a connection that failed, for a command that goes on. */
export function failureText(error: unknown): string {
  if (!(error instanceof Fault)) return "a connection failed";
  return error.hint === undefined ? error.message : `${error.message} (${error.hint})`;
}
