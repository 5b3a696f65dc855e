/**
 * The programs that people reach databases with: how each is called for a local port without TLS, and which package has
 * it. One row per protocol.
 */
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { Fault } from "#base/fault.ts";
import type { DatabaseRoute } from "#identity/identity.ts";
import type { DatabaseProtocol } from "#resource/database.ts";

/** A local port behind which a database is. */
export interface LocalEnd {
  readonly host: string;
  readonly port: number;
}

/** A program with its arguments, and what its environment needs. */
export interface ClientCommand {
  readonly program: string;
  readonly args: readonly string[];
}

/** How the clients of a protocol are called. */
interface ClientPrograms {
  /** Programs that will do, the best first. */
  readonly programs: readonly string[];
  /** Debian's package with the first of them. */
  readonly debianPackage: string;
  readonly port: number;
  readonly args: (end: LocalEnd, route: DatabaseRoute, program: string) => readonly string[];
  /** Variables that libraries of the protocol read. */
  readonly env: (end: LocalEnd, route: DatabaseRoute) => Readonly<Record<string, string>>;
}

const table: Readonly<Record<DatabaseProtocol, ClientPrograms>> = {
  postgres: {
    programs: ["psql"],
    debianPackage: "postgresql-client",
    port: 5432,
    // libpq reads a connection string here: values are quoted, so that a name stays a name (CVE-2021-41395).
    args: ({ host, port }, { username, database }) => [
      [
        `host=${host} port=${port} user=${quoteConninfo(username)}`,
        ...(database === "" ? [] : [`dbname=${quoteConninfo(database)}`]),
        "sslmode=disable gssencmode=disable",
      ].join(" "),
    ],
    env: ({ host, port }, { username, database }) => ({
      PGHOST: host,
      PGPORT: String(port),
      PGUSER: username,
      PGSSLMODE: "disable",
      PGGSSENCMODE: "disable",
      ...(database === "" ? {} : { PGDATABASE: database }),
    }),
  },
  mysql: {
    programs: ["mariadb", "mysql"],
    debianPackage: "mariadb-client",
    port: 3306,
    args: ({ host, port }, { username, database }, program) => [
      `--host=${host}`,
      `--port=${port}`,
      `--user=${username}`,
      "--protocol=TCP",
      program === "mysql" ? "--ssl-mode=DISABLED" : "--skip-ssl",
      ...(database === "" ? [] : [`--database=${database}`]),
    ],
    env: ({ host, port }) => ({ MYSQL_HOST: host, MYSQL_TCP_PORT: String(port) }),
  },
  redis: {
    programs: ["redis-cli"],
    debianPackage: "redis-tools",
    port: 6379,
    args: ({ host, port }, { database }) => [
      "-h",
      host,
      "-p",
      String(port),
      ...(database === "" ? [] : ["-n", database]),
    ],
    env: ({ host, port }) => ({ REDIS_HOST: host, REDIS_PORT: String(port) }),
  },
};

/** The port that servers of this protocol listen on. */
export function usualPort(protocol: DatabaseProtocol): number {
  return table[protocol].port;
}

/** Variables for programs that use the database through the local port. */
export function environmentOf(
  protocol: DatabaseProtocol,
  end: LocalEnd,
  route: DatabaseRoute,
): Readonly<Record<string, string>> {
  return table[protocol].env(end, route);
}

/** The command that people type, whether or not its program is there. */
export function commandOf(
  protocol: DatabaseProtocol,
  end: LocalEnd,
  route: DatabaseRoute,
): ClientCommand {
  const { programs, args } = table[protocol];
  const [program = ""] = programs;
  return { program, args: args(end, route, program) };
}

/** The command with a program of this machine. Throws `environment`, with the package to install. */
export function findCommand(
  protocol: DatabaseProtocol,
  end: LocalEnd,
  route: DatabaseRoute,
  path: string,
): ClientCommand {
  const { programs, args, debianPackage } = table[protocol];
  const program = programs.find((name) => isProgram(name, path));
  if (program !== undefined) return { program, args: args(end, route, program) };
  throw new Fault("environment", `${programs.join(" or ")} is not installed here`, {
    hint: `install it, as with: apt install ${debianPackage}; or open a local port for another program: tsh proxy db ${route.serviceName}`,
  });
}

function isProgram(name: string, path: string): boolean {
  return path.split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** A value of a libpq connection string (manual 34.1.1.1). */
function quoteConninfo(value: string): string {
  return /^[A-Za-z0-9_.-]+$/.test(value)
    ? value
    : `'${value.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
