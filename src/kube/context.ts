/** What the parts of a Kubernetes agent share. Made once by start.ts. */
import type { KubernetesCluster } from "#access/target.ts";
import type { EventReporter } from "#agent/events.ts";
import type { AuthorityFeed } from "#api/authority-feed.ts";
import type { SessionReview } from "#api/session-review.ts";
import type { Clock } from "#base/clock.ts";
import type { Logger } from "#base/log.ts";
import type { Random } from "#base/random.ts";
import type { StartTimer } from "#ssh/timer.ts";
import type { ApiServer } from "./api-server.ts";

/** A Kubernetes cluster that this agent serves. */
export interface ServedCluster {
  /** As decisions see it now: labels change. */
  readonly describe: () => KubernetesCluster;
  readonly server: ApiServer;
}

/** The surroundings of every connection and request. */
export interface KubeContext {
  readonly hostId: string;
  /** Name of this machine. */
  readonly nodename: string;
  /** Semantic version of the product. */
  readonly version: string;
  readonly feed: AuthorityFeed;
  readonly review: SessionReview;
  readonly events: EventReporter;
  readonly findCluster: (name: string) => ServedCluster | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly startTimer: StartTimer;
  readonly logger: Logger;
}
