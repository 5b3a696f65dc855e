/**
 * What an agent serves: the resources of its configuration, and those of administrators whose labels it was told to serve.
 * A resource of the configuration is not replaced by one of the same name.
 */
import type { AuthorityFeed } from "#api/authority-feed.ts";
import { formatDuration } from "#base/duration.ts";
import { isFault } from "#base/fault.ts";
import type { Closable } from "#base/lifecycle.ts";
import type { Logger } from "#base/log.ts";
import { matchLabels } from "#expression/label-match.ts";
import { mergeLabels } from "#resource/dynamic-labels.ts";
import type { ResourceOf } from "#resource/kinds.ts";
import { type CommandLabel, LiveLabels } from "./labels.ts";

/** Kinds of resources that agents serve and administrators may write. */
type ServedKind = "db" | "kube_cluster";

/** A resource of the configuration. */
export interface ConfiguredResource<K extends ServedKind> {
  readonly document: ResourceOf[K];
  /** Labels whose values commands print. */
  readonly commands: readonly CommandLabel[];
}

/** What an agent is told to serve. */
export interface ServedOptions<K extends ServedKind> {
  readonly kind: K;
  readonly configured: readonly ConfiguredResource<K>[];
  /** Resources of administrators whose labels match any of these are served too. */
  readonly selectors: readonly Readonly<Record<string, readonly string[]>>[];
  readonly feed: Pick<AuthorityFeed, "view" | "onChange">;
  readonly logger: Logger;
}

interface Live<K extends ServedKind> {
  readonly document: ResourceOf[K];
  readonly labels: LiveLabels;
}

/** What is served at this moment. */
export class ServedResources<K extends ServedKind> implements Closable {
  readonly #options: ServedOptions<K>;
  readonly #configured: ReadonlyMap<string, Live<K>>;
  readonly #stop: () => void;
  #all: ReadonlyMap<string, ResourceOf[K]> = new Map();
  /** Called when something is served that was not, or no longer is, or has changed. */
  onChange: () => void = () => {};

  private constructor(options: ServedOptions<K>, configured: readonly Live<K>[]) {
    this.#options = options;
    this.#configured = new Map(configured.map((live) => [live.document.metadata.name, live]));
    for (const { labels } of configured) labels.onChange = () => this.#refresh();
    this.#stop = options.feed.onChange(() => this.#refresh());
    this.#refresh();
  }

  /** Runs the commands of labels once, then by their periods. */
  static async open<K extends ServedKind>(options: ServedOptions<K>): Promise<ServedResources<K>> {
    const configured = options.configured.map(async ({ document, commands }) => {
      const fixed = document.metadata.labels ?? {};
      return { document, labels: await LiveLabels.open(fixed, commands, options.logger) };
    });
    return new ServedResources<K>(options, await Promise.all(configured));
  }

  /** Everything that is served. */
  get all(): readonly ResourceOf[K][] {
    return [...this.#all.values()];
  }

  /** The resource of this name, or undefined. The same object until it changes. */
  find(name: string): ResourceOf[K] | undefined {
    return this.#all.get(name);
  }

  async close(): Promise<void> {
    this.#stop();
    await Promise.all([...this.#configured.values()].map(({ labels }) => labels.close()));
  }

  #refresh(): void {
    const { feed, kind } = this.#options;
    const own = [...this.#configured.values()].map(withDynamicLabels);
    const written = feed.view.resources[kind] as ReadonlyMap<string, ResourceOf[K]>;
    const dynamic = [...written.values()].filter(
      (document) => !this.#configured.has(document.metadata.name) && this.#isWanted(document),
    );
    const before = this.#all;
    const all = [...own, ...dynamic].map((document) => {
      const known = before.get(document.metadata.name);
      return known !== undefined && isAlike(known, document) ? known : document;
    });
    this.#all = new Map(all.map((document) => [document.metadata.name, document]));
    const changed =
      all.length !== before.size || all.some((one) => before.get(one.metadata.name) !== one);
    if (changed) this.onChange();
  }

  #isWanted({ metadata, spec }: ResourceOf[K]): boolean {
    const labels = mergeLabels(metadata.labels, spec.dynamic_labels);
    try {
      return this.#options.selectors.some((selector) => matchLabels(selector, labels));
    } catch (error) {
      if (!isFault(error)) throw error;
      this.#options.logger.warn("a selector of this agent cannot be evaluated", { error });
      return false;
    }
  }
}

function isAlike(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function withDynamicLabels<K extends ServedKind>({ document, labels }: Live<K>): ResourceOf[K] {
  if (labels.dynamic.length === 0) return document;
  const entries = labels.dynamic.map(({ name, command, periodMs, result }) => [
    name,
    { command: [...command], period: formatDuration(periodMs), result },
  ]);
  const dynamic_labels = Object.fromEntries(entries);
  return { ...document, spec: { ...document.spec, dynamic_labels } };
}
