/**
 * Puts an SSH node together: the feed of rules, the heartbeat, the audit reporter, and the SSH server for every stream
 * that the proxy brings. It opens no port.
 */
import type { Duplex } from "node:stream";
import { EventReporter } from "#agent/events.ts";
import { Heartbeat } from "#agent/heartbeat.ts";
import { type CommandLabel, LiveLabels } from "#agent/labels.ts";
import { AuthorityFeed } from "#api/authority-feed.ts";
import type { GrpcClient } from "#api/grpc/client.ts";
import { SessionReview } from "#api/session-review.ts";
import { apiVersion } from "#api/version.ts";
import type { Clock } from "#base/clock.ts";
import { type Closable, Closer } from "#base/lifecycle.ts";
import type { Logger } from "#base/log.ts";
import type { Random } from "#base/random.ts";
import { systemTimer } from "#ssh/timer.ts";
import type { HostKey } from "#ssh/transport/host-key.ts";
import type { NodeContext, NodeFeatures } from "./context.ts";
import { describeNode } from "./describe.ts";
import { type AccountDirectory, machineAccounts } from "./session/account.ts";
import { Connections } from "./session/connections.ts";
import { PipePool } from "./session/pipes.ts";
import { SessionKiller } from "./session/session-killer.ts";

/** What a node is made of. */
export interface NodeOptions {
  readonly hostId: string;
  readonly nodename: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly commands: readonly CommandLabel[];
  /** Reaches the auth service as this host. Belongs to whoever made it. */
  readonly client: GrpcClient;
  /** The certificates of this host; usually {@link HostCredentials}. */
  readonly credentials: { readonly hostKeys: readonly HostKey[] };
  readonly features: NodeFeatures;
  /** Semantic version of the product. */
  readonly version: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly leaseMs?: number;
  readonly accounts?: AccountDirectory;
}

/** A running node. */
export interface NodeService extends Closable {
  /** Resolves when the node knows the rules and the cluster knows the node. */
  readonly ready: Promise<void>;
  /** What the node decides with. */
  readonly authority: Pick<AuthorityFeed, "view" | "onChange">;
  /** Serves SSH on a stream. `clientAddress` is the person's end as the proxy saw it: an address, maybe with a port. */
  accept(stream: Duplex, from: { readonly clientAddress: string }): void;
}

/** Starts the node. Returns at once: `ready` tells when logins can succeed; before that they are refused. */
export async function startNode(options: NodeOptions): Promise<NodeService> {
  const { hostId, nodename, client, clock, random, logger } = options;
  const closer = new Closer();
  const labels = closer.add(await LiveLabels.open(options.labels, options.commands, logger));
  const feed = closer.add(
    new AuthorityFeed({
      client,
      clock,
      random,
      logger,
      startTimer: systemTimer,
      ...(options.leaseMs === undefined ? {} : { leaseMs: options.leaseMs }),
    }),
  );
  const review = closer.add(new SessionReview({ feed, clock, startTimer: systemTimer, logger }));
  const clusterName = () => feed.view.clusterName;
  const events = closer.add(new EventReporter({ client, clusterName, clock, random, logger }));
  const context: NodeContext = {
    server: () => ({ id: hostId, hostname: nodename, labels: labels.all }),
    feed,
    review,
    events,
    hostKeys: () => options.credentials.hostKeys,
    accounts: options.accounts ?? machineAccounts,
    pipes: closer.add(new PipePool(logger)),
    killer: closer.add(new SessionKiller()),
    clock,
    random,
    startTimer: systemTimer,
    logger,
    version: options.version,
    features: options.features,
  };
  const heartbeat = closer.add(
    new Heartbeat({
      client,
      documents: () => [describeNode({ hostId, hostname: nodename, labels, version: apiVersion })],
      random,
      logger,
    }),
  );
  const connections = closer.add(new Connections(context));
  labels.onChange = () => {
    heartbeat.now();
    review.review();
  };
  return {
    ready: Promise.all([feed.ready, heartbeat.first]).then(() => {}),
    authority: feed,
    accept: (stream, { clientAddress }) => connections.accept(stream, clientAddress),
    close: () => closer.close(),
  };
}
