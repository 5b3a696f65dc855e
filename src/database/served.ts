/**
 * The databases that this agent serves: those of its configuration, and those of administrators whose labels it was told
 * to serve. A database of the configuration is not replaced by one of the same name.
 */
import { type CommandLabel, LiveLabels } from "#agent/labels.ts";
import type { AuthorityFeed } from "#api/authority-feed.ts";
import { formatDuration } from "#base/duration.ts";
import { isFault } from "#base/fault.ts";
import type { Closable } from "#base/lifecycle.ts";
import type { Logger } from "#base/log.ts";
import { matchLabels } from "#expression/label-match.ts";
import type { Database } from "#resource/database.ts";
import { mergeLabels } from "#resource/dynamic-labels.ts";

/** A database of the configuration. */
export interface ConfiguredDatabase {
  readonly database: Database;
  /** Labels whose values commands print. */
  readonly commands: readonly CommandLabel[];
}

/** What an agent is told to serve. */
export interface ServedOptions {
  readonly databases: readonly ConfiguredDatabase[];
  /** Databases of administrators whose labels match any of these are served too. */
  readonly selectors: readonly Readonly<Record<string, readonly string[]>>[];
  readonly feed: Pick<AuthorityFeed, "view" | "onChange">;
  readonly logger: Logger;
}

/** What is served at this moment. */
export class ServedDatabases implements Closable {
  readonly #options: ServedOptions;
  readonly #configured: ReadonlyMap<string, { database: Database; labels: LiveLabels }>;
  readonly #stop: () => void;
  #all: readonly Database[] = [];
  /** Called when something is served that was not, or no longer is, or has other labels. */
  onChange: () => void = () => {};

  private constructor(options: ServedOptions, configured: [string, LiveLabels, Database][]) {
    this.#options = options;
    this.#configured = new Map(
      configured.map(([name, labels, database]) => [name, { database, labels }]),
    );
    for (const [, labels] of configured) labels.onChange = () => this.#refresh();
    this.#stop = options.feed.onChange(() => this.#refresh());
    this.#refresh();
  }

  /** Runs the commands of labels once, then by their periods. */
  static async open(options: ServedOptions): Promise<ServedDatabases> {
    const configured = options.databases.map(async ({ database, commands }) => {
      const fixed = database.metadata.labels ?? {};
      const labels = await LiveLabels.open(fixed, commands, options.logger);
      return [database.metadata.name, labels, database] as [string, LiveLabels, Database];
    });
    return new ServedDatabases(options, await Promise.all(configured));
  }

  /** Every database that is served. */
  get all(): readonly Database[] {
    return this.#all;
  }

  /** The database of this name, or undefined. */
  find(name: string): Database | undefined {
    return this.#all.find((database) => database.metadata.name === name);
  }

  async close(): Promise<void> {
    this.#stop();
    await Promise.all([...this.#configured.values()].map(({ labels }) => labels.close()));
  }

  #refresh(): void {
    const own = [...this.#configured.values()].map(({ database, labels }) =>
      withDynamicLabels(database, labels),
    );
    const dynamic = [...this.#options.feed.view.resources.db.values()].filter(
      (database) => !this.#configured.has(database.metadata.name) && this.#isWanted(database),
    );
    const all = [...own, ...dynamic];
    const changed = JSON.stringify(all) !== JSON.stringify(this.#all);
    this.#all = all;
    if (changed) this.onChange();
  }

  #isWanted({ metadata, spec }: Database): boolean {
    const labels = mergeLabels(metadata.labels, spec.dynamic_labels);
    try {
      return this.#options.selectors.some((selector) => matchLabels(selector, labels));
    } catch (error) {
      if (!isFault(error)) throw error;
      this.#options.logger.warn("a selector of db_service cannot be evaluated", { error });
      return false;
    }
  }
}

function withDynamicLabels(database: Database, labels: LiveLabels): Database {
  if (labels.dynamic.length === 0) return database;
  const entries = labels.dynamic.map(({ name, command, periodMs, result }) => [
    name,
    { command: [...command], period: formatDuration(periodMs), result },
  ]);
  return {
    ...database,
    spec: { ...database.spec, dynamic_labels: Object.fromEntries(entries) },
  };
}
