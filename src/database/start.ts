/**
 * Puts a database agent together: the feed of rules, the databases that it serves, their heartbeats, the audit reporter,
 * and the sessions on the streams that the proxy brings. It opens no port.
 */

import { EventReporter } from "#agent/events.ts";
import { Heartbeat } from "#agent/heartbeat.ts";
import { type ConfiguredResource, type ServedOptions, ServedResources } from "#agent/served.ts";
import { AuthorityFeed } from "#api/authority-feed.ts";
import type { GrpcClient } from "#api/grpc/client.ts";
import { SessionReview } from "#api/session-review.ts";
import type { AcceptStream } from "#api/tunnel/stream.ts";
import { apiVersion } from "#api/version.ts";
import type { Clock } from "#base/clock.ts";
import { type Closable, Closer } from "#base/lifecycle.ts";
import type { Logger } from "#base/log.ts";
import type { Random } from "#base/random.ts";
import type { DatabaseServer } from "#resource/database-server.ts";
import { systemTimer } from "#ssh/timer.ts";
import { acceptWith, type Engines } from "./accept.ts";
import type { DatabaseContext } from "./context.ts";
import { credentialsFrom } from "./credential.ts";
import { MysqlEngine } from "./mysql/engine.ts";
import { PostgresEngine } from "./postgres/engine.ts";
import { RedisEngine } from "./redis/engine.ts";

/** What a database agent is made of. */
export interface DatabaseAgentOptions extends Pick<ServedOptions<"db">, "selectors"> {
  readonly databases: readonly ConfiguredResource<"db">[];
  readonly hostId: string;
  readonly nodename: string;
  /** Reaches the auth service as this agent. Belongs to whoever made it. */
  readonly client: GrpcClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly leaseMs?: number;
}

/** A running database agent. */
export interface DatabaseAgent extends Closable {
  /** Resolves when the agent knows the rules and the cluster knows its databases. */
  readonly ready: Promise<void>;
  /** Serves a person on a stream. */
  readonly accept: AcceptStream;
}

/** Starts the agent. Returns at once: `ready` tells when people can be served; before that they are refused. */
export async function startDatabaseAgent(options: DatabaseAgentOptions): Promise<DatabaseAgent> {
  const { hostId, nodename, client, clock, random, logger, leaseMs } = options;
  const closer = new Closer();
  const feed = closer.add(
    new AuthorityFeed({
      ...{ client, clock, random, logger, startTimer: systemTimer, alsoFollow: ["db"] },
      ...(leaseMs === undefined ? {} : { leaseMs }),
    }),
  );
  const clusterName = () => feed.view.clusterName;
  const events = closer.add(new EventReporter({ client, clusterName, clock, random, logger }));
  const review = closer.add(new SessionReview({ feed, clock, startTimer: systemTimer, logger }));
  const { databases: configured, selectors } = options;
  const served = closer.add(
    await ServedResources.open({ kind: "db", configured, selectors, feed, logger }),
  );
  const documents = (): DatabaseServer[] =>
    served.all.map((database) => ({
      kind: "db_server",
      version: "v3",
      metadata: { name: database.metadata.name },
      spec: { version: apiVersion, hostname: nodename, host_id: hostId, database },
    }));
  const heartbeat = closer.add(new Heartbeat({ client, documents, random, logger }));
  served.onChange = () => {
    heartbeat.now();
    review.review();
  };
  const context: DatabaseContext = {
    ...{ hostId, nodename, feed, served, review, events, clock, random, logger },
    issue: credentialsFrom(client),
    startTimer: systemTimer,
  };
  const engines: Engines = {
    postgres: new PostgresEngine(context),
    mysql: new MysqlEngine(context),
    redis: new RedisEngine(context),
  };
  return {
    ready: Promise.all([feed.ready, heartbeat.first]).then(() => {}),
    accept: acceptWith(context, engines),
    close: () => closer.close(),
  };
}
