/** What the parts of a node share. Made once by start.ts. */
import type { SshServer } from "#access/target.ts";
import type { EventReporter } from "#agent/events.ts";
import type { AuthorityFeed } from "#api/authority-feed.ts";
import type { SessionReview } from "#api/session-review.ts";
import type { Clock } from "#base/clock.ts";
import type { Logger } from "#base/log.ts";
import type { Random } from "#base/random.ts";
import type { StartTimer } from "#ssh/timer.ts";
import type { HostKey } from "#ssh/transport/host-key.ts";
import type { AccountDirectory } from "./session/account.ts";
import type { PipePool } from "./session/pipes.ts";
import type { SessionKiller } from "./session/session-killer.ts";

/** The surroundings of every connection and session. */
export interface NodeContext {
  /** The server as decisions see it now: labels change. */
  readonly server: () => SshServer;
  readonly feed: AuthorityFeed;
  /** Ends what the rules no longer allow. */
  readonly review: SessionReview;
  readonly events: EventReporter;
  /** Asked for at every connection, so that renewed certificates need no restart. */
  readonly hostKeys: () => readonly HostKey[];
  readonly accounts: AccountDirectory;
  readonly pipes: PipePool;
  readonly killer: SessionKiller;
  readonly clock: Clock;
  readonly random: Random;
  readonly startTimer: StartTimer;
  readonly logger: Logger;
  /** Semantic version of the product. */
  readonly version: string;
  /** What the configuration of this server allows at all. */
  readonly features: NodeFeatures;
}

/** Switches of the configuration. */
export interface NodeFeatures {
  readonly fileCopy: boolean;
  readonly portForwarding: boolean;
}
