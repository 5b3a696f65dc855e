/** What the parts of a database agent share. Made once by start.ts. */
import type { EventReporter } from "#agent/events.ts";
import type { ServedResources } from "#agent/served.ts";
import type { AuthorityFeed } from "#api/authority-feed.ts";
import type { SessionReview } from "#api/session-review.ts";
import type { Clock } from "#base/clock.ts";
import type { Logger } from "#base/log.ts";
import type { Random } from "#base/random.ts";
import type { StartTimer } from "#ssh/timer.ts";
import type { CredentialIssuer } from "./credential.ts";

/** The surroundings of every session. */
export interface DatabaseContext {
  /** Host UUID of the agent. */
  readonly hostId: string;
  readonly nodename: string;
  readonly feed: Pick<AuthorityFeed, "view" | "holdDevice">;
  readonly served: Pick<ServedResources<"db">, "find">;
  /** Ends what the rules no longer allow. */
  readonly review: SessionReview;
  readonly events: EventReporter;
  readonly issue: CredentialIssuer;
  readonly clock: Clock;
  readonly random: Random;
  readonly startTimer: StartTimer;
  readonly logger: Logger;
}
