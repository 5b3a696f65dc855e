/**
 * Puts a Kubernetes agent together: the feed of rules, the clusters that it serves, their heartbeats, the audit reporter,
 * and the connections that the proxy brings. It opens no port.
 */
import { EventReporter } from "#agent/events.ts";
import { Heartbeat } from "#agent/heartbeat.ts";
import { AuthorityFeed } from "#api/authority-feed.ts";
import type { GrpcClient } from "#api/grpc/client.ts";
import { SessionReview } from "#api/session-review.ts";
import type { AcceptStream } from "#api/tunnel/stream.ts";
import { apiVersion } from "#api/version.ts";
import type { Clock } from "#base/clock.ts";
import { type Closable, Closer } from "#base/lifecycle.ts";
import type { Logger } from "#base/log.ts";
import type { Random } from "#base/random.ts";
import { withoutKubeconfig } from "#resource/kube-cluster.ts";
import type { KubeServer } from "#resource/kube-server.ts";
import { systemTimer } from "#ssh/timer.ts";
import { type ConfiguredCluster, ServedClusters } from "./clusters.ts";
import { KubeConnections } from "./connections.ts";
import type { KubeContext } from "./context.ts";

/** What a Kubernetes agent is made of. */
export interface KubeAgentOptions {
  readonly hostId: string;
  readonly nodename: string;
  /** Semantic version of the product. */
  readonly version: string;
  readonly clusters: readonly ConfiguredCluster[];
  /** Clusters of administrators whose labels match any of these are served too. */
  readonly selectors: readonly Readonly<Record<string, readonly string[]>>[];
  /** Reaches the auth service as this agent. Belongs to whoever made it. */
  readonly client: GrpcClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly leaseMs?: number;
}

/** A running Kubernetes agent. */
export interface KubeAgent extends Closable {
  /** Resolves when the agent knows the rules and the cluster knows its Kubernetes clusters. */
  readonly ready: Promise<void>;
  /** What the agent decides with. */
  readonly authority: Pick<AuthorityFeed, "view" | "onChange">;
  /** Serves a person on a stream. */
  readonly accept: AcceptStream;
}

/** Starts the agent. Returns at once: `ready` tells when people can be served; before that they are refused. */
export async function startKubeAgent(options: KubeAgentOptions): Promise<KubeAgent> {
  const { hostId, nodename, version, client, clock, random, logger, leaseMs } = options;
  const closer = new Closer();
  const feed = closer.add(
    new AuthorityFeed({
      ...{ client, clock, random, logger, startTimer: systemTimer, alsoFollow: ["kube_cluster"] },
      ...(leaseMs === undefined ? {} : { leaseMs }),
    }),
  );
  const review = closer.add(new SessionReview({ feed, clock, startTimer: systemTimer, logger }));
  const clusterName = () => feed.view.clusterName;
  const events = closer.add(new EventReporter({ client, clusterName, clock, random, logger }));
  const { clusters: configured, selectors } = options;
  const served = closer.add(
    await ServedClusters.open({ hostId, configured, selectors, feed, logger }),
  );
  const documents = (): KubeServer[] =>
    served.all.map((cluster) => ({
      kind: "kube_server",
      version: "v3",
      metadata: { name: cluster.metadata.name },
      spec: {
        version: apiVersion,
        hostname: nodename,
        host_id: hostId,
        cluster: withoutKubeconfig(cluster),
      },
    }));
  const heartbeat = closer.add(new Heartbeat({ client, documents, random, logger }));
  served.onChange = () => {
    heartbeat.now();
    review.review();
  };
  const context: KubeContext = {
    ...{ hostId, nodename, version, feed, review, events, clock, random, logger },
    findCluster: (name) => served.find(name),
    startTimer: systemTimer,
  };
  const connections = closer.add(new KubeConnections(context));
  return {
    ready: Promise.all([feed.ready, heartbeat.first]).then(() => {}),
    authority: feed,
    accept: (stream, request) => connections.accept(stream, request),
    close: () => closer.close(),
  };
}
