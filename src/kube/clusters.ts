/**
 * The Kubernetes clusters that this agent serves, and its connections to their API servers. A cluster whose kubeconfig
 * changes is reached anew; one whose kubeconfig cannot be used is out of reach, and hides no other.
 */
import { type ConfiguredResource, ServedResources } from "#agent/served.ts";
import type { AuthorityFeed } from "#api/authority-feed.ts";
import { Fault } from "#base/fault.ts";
import type { Closable } from "#base/lifecycle.ts";
import type { Logger } from "#base/log.ts";
import { mergeLabels } from "#resource/dynamic-labels.ts";
import type { KubeCluster } from "#resource/kube-cluster.ts";
import { ApiServer } from "./api-server.ts";
import type { ServedCluster } from "./context.ts";
import { type ApiCredential, readDocumentKubeconfig } from "./kubeconfig.ts";

/** A Kubernetes cluster of the configuration, and the way into it. */
export interface ConfiguredCluster extends ConfiguredResource<"kube_cluster"> {
  readonly credential: ApiCredential;
}

/** What an agent is told to serve. */
export interface ServedClustersOptions {
  readonly hostId: string;
  readonly configured: readonly ConfiguredCluster[];
  readonly selectors: readonly Readonly<Record<string, readonly string[]>>[];
  readonly feed: Pick<AuthorityFeed, "view" | "onChange">;
  readonly logger: Logger;
}

/** A connection to an API server, and what it was made from. */
interface Reached {
  readonly server: ApiServer;
  readonly kubeconfig: string | undefined;
}

/** What is served at this moment. */
export class ServedClusters implements Closable {
  readonly #options: ServedClustersOptions;
  readonly #served: ServedResources<"kube_cluster">;
  readonly #credentials: ReadonlyMap<string, ApiCredential>;
  #reached = new Map<string, Reached>();
  /** Called when something is served that was not, or no longer is, or has other labels. */
  onChange: () => void = () => {};

  private constructor(options: ServedClustersOptions, served: ServedResources<"kube_cluster">) {
    this.#options = options;
    this.#served = served;
    this.#credentials = new Map(
      options.configured.map(({ document, credential }) => [document.metadata.name, credential]),
    );
    served.onChange = () => this.#changed();
    this.#reach();
  }

  static async open(options: ServedClustersOptions): Promise<ServedClusters> {
    const { configured, selectors, feed, logger } = options;
    const kind = "kube_cluster";
    const served = await ServedResources.open({ kind, configured, selectors, feed, logger });
    return new ServedClusters(options, served);
  }

  /** Every cluster that can be reached. */
  get all(): readonly KubeCluster[] {
    return this.#served.all.filter(({ metadata }) => this.#reached.has(metadata.name));
  }

  /** The cluster of this name, or undefined. */
  find(name: string): ServedCluster | undefined {
    const reached = this.#reached.get(name);
    if (reached === undefined) return undefined;
    const { hostId } = this.#options;
    return {
      server: reached.server,
      describe: () => {
        const cluster = this.#served.find(name);
        // Somebody is still connected to what is no longer served.
        if (cluster === undefined) throw new Fault("not-found", `"${name}" is no longer served`);
        const labels = mergeLabels(cluster.metadata.labels, cluster.spec.dynamic_labels);
        return { name, labels, hostId };
      },
    };
  }

  async close(): Promise<void> {
    await this.#served.close();
    await Promise.all([...this.#reached.values()].map(({ server }) => server.close()));
  }

  #changed(): void {
    this.#reach();
    this.onChange();
  }

  #reach(): void {
    const before = this.#reached;
    this.#reached = new Map();
    for (const { metadata, spec } of this.#served.all) {
      const { name } = metadata;
      const known = before.get(name);
      const isCurrent = known !== undefined && known.kubeconfig === spec.kubeconfig;
      const reached = isCurrent ? known : this.#connect(name, spec.kubeconfig);
      if (reached !== undefined) this.#reached.set(name, reached);
    }
    for (const [name, old] of before) {
      if (this.#reached.get(name) !== old) void old.server.close();
    }
  }

  #connect(name: string, kubeconfig: string | undefined): Reached | undefined {
    try {
      const credential = this.#credentials.get(name) ?? readDocumentKubeconfig(name, kubeconfig);
      return { server: new ApiServer(credential), kubeconfig };
    } catch (error) {
      this.#options.logger.error("a Kubernetes cluster is out of reach", { cluster: name, error });
      return undefined;
    }
  }
}
