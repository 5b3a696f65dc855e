/** From the section `db_service` to what the database agent receives: documents, checked like those of administrators. */
import { parseDuration } from "#base/duration.ts";
import { type Database, databaseSchema } from "#resource/database.ts";
import { checkValue } from "#resource/problem.ts";
import type { Path } from "#resource/schema.ts";
import type { DatabaseServiceConfig, StaticDatabase } from "./config.ts";
import type { DatabaseSection } from "./schema-db.ts";

/** What the files of a section need. */
export interface DatabaseFiles {
  /** The PEM certificates in a file; undefined, and reported, when there are none. */
  readonly certificates: (file: string, at: Path) => string | undefined;
  readonly report: (at: Path, message: string, suggestion?: string) => void;
}

/** What the agent serves; undefined when the section is absent or off. */
export function resolveDatabases(
  section: DatabaseSection | undefined,
  files: DatabaseFiles,
): DatabaseServiceConfig | undefined {
  if (section === undefined || !section.enabled) return undefined;
  const { databases, resources } = section;
  if (databases.length === 0 && resources.length === 0) {
    files.report(
      ["db_service"],
      "names no database",
      "list them under databases, or say under resources which ones of tctl this agent serves",
    );
  }
  const names = new Set<string>();
  return {
    selectors: resources.map(({ labels }) => labels),
    databases: databases.flatMap((given, index) => {
      const at = ["db_service", "databases", index];
      if (names.has(given.name)) {
        files.report([...at, "name"], `another database is called "${given.name}" already`);
      }
      names.add(given.name);
      return resolveDatabase(given, at, files) ?? [];
    }),
  };
}

function resolveDatabase(
  given: DatabaseSection["databases"][number],
  at: Path,
  { certificates, report }: DatabaseFiles,
): StaticDatabase | undefined {
  const { name, description, protocol, uri, static_labels: labels, mysql } = given;
  const file = given.tls?.ca_cert_file ?? given.ca_cert_file;
  const place = given.tls?.ca_cert_file === undefined ? ["ca_cert_file"] : ["tls", "ca_cert_file"];
  const ca_cert = file === undefined ? undefined : certificates(file, [...at, ...place]);
  const { ca_cert_file: _, ...tls } = given.tls ?? {};
  const document = {
    kind: "db",
    metadata: { name, description, labels },
    spec: { protocol, uri, tls: { ...tls, ca_cert }, mysql },
  };
  const checked = checkValue(databaseSchema, document);
  if (checked.problems !== undefined) {
    // Metadata and specification of the document are one map in the file.
    for (const problem of checked.problems) {
      report([...at, ...problem.path.slice(1)], problem.message, problem.suggestion);
    }
    return undefined;
  }
  const database: Database = checked.value;
  const commands = given.dynamic_labels.map(({ name: label, command, period }) => ({
    name: label,
    command,
    periodMs: parseDuration(period),
  }));
  return { document: database, commands };
}
