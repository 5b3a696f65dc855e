/**
 * Which database is meant, and as whom: what the person says, else what they logged in to, else the only thing that their
 * certificate allows.
 */
import { Fault } from "#base/fault.ts";
import type { DatabaseRoute, UserIdentity } from "#identity/identity.ts";
import { type Database, namesDatabases } from "#resource/database.ts";

/** What the person said. */
export interface DatabaseWish {
  readonly dbUser?: string | undefined;
  readonly dbName?: string | undefined;
  readonly dbRoles: readonly string[];
}

/** The database of this name. Throws `not-found`, with those that there are. */
export function databaseNamed(databases: readonly Database[], name: string): Database {
  const found = databases.find(({ metadata }) => metadata.name === name);
  if (found !== undefined) return found;
  throw new Fault("not-found", `database "${name.slice(0, 100)}" not found`, {
    hint: "list those that your roles let you see with: tsh db ls",
  });
}

/** The route for a database. Throws `usage` when no database user is known. */
export function chooseRoute(
  { metadata, spec }: Database,
  wish: DatabaseWish,
  stored: DatabaseRoute | undefined,
  allowed: Pick<UserIdentity, "databaseUsers" | "databaseNames">,
): DatabaseRoute {
  const username = wish.dbUser ?? (stored?.username || onlyOne(allowed.databaseUsers));
  if (username === undefined || username === "") {
    const users = allowed.databaseUsers.join(", ");
    throw new Fault("usage", `which database user of "${metadata.name}"?`, {
      hint: `name one with --db-user=NAME${users === "" ? "" : `; your roles allow: ${users}`}`,
    });
  }
  const only = namesDatabases(spec.protocol) ? onlyOne(allowed.databaseNames) : undefined;
  return {
    serviceName: metadata.name,
    protocol: spec.protocol,
    username,
    database: wish.dbName ?? (stored?.database || only || ""),
    roles: wish.dbRoles.length > 0 ? wish.dbRoles : (stored?.roles ?? []),
  };
}

/** A star is leave to choose, not a choice. */
function onlyOne(values: readonly string[]): string | undefined {
  const [first] = values;
  return values.length === 1 && first !== "*" ? first : undefined;
}
