/**
 * The review of what is open in a service, whatever its protocol: every session is judged again when the rules of the
 * cluster change, when what is known of its device does, when the feed of them falls behind its lease, and when its own
 * time comes; what is no longer allowed
 * ends at once, with the reason. A service adds each session once it is granted and says how to end it; the question is
 * `judgeSession` of `#access`, the same that the session began with.
 */
import { type Refusal, refusalFault, refuse } from "#access/decision.ts";
import { judgeSession, type RunningSession } from "#access/running-session.ts";
import type { SessionOptions } from "#access/session-options.ts";
import type { Clock } from "#base/clock.ts";
import { isFault } from "#base/fault.ts";
import type { Closable } from "#base/lifecycle.ts";
import type { Logger } from "#base/log.ts";
import type { StartTimer } from "#ssh/timer.ts";
import type { AuthorityFeed } from "./authority-feed.ts";

/** A granted session of any protocol. */
export interface ReviewedSession {
  /** What it is now: labels of the resource may have changed since it began. */
  describe(): RunningSession;
  /** Ends it with everything in it; the person reads message and hint. Called once at most, and not after `remove`. */
  end(reason: Refusal): void;
  /** It goes on, under the options of now: idle time and the like. A fault that is thrown here ends it after all. */
  goesOn?(options: SessionOptions): void;
}

/** What the review is made of. */
export interface SessionReviewOptions {
  readonly feed: Pick<AuthorityFeed, "view" | "onChange">;
  readonly clock: Clock;
  readonly startTimer: StartTimer;
  readonly logger: Logger;
}

/** Rules may speak of the age of a fact: without any change, sessions are judged again this often. */
const reviewEveryMs = 30_000;

/** A session that is open. */
interface Watched {
  readonly begun: Date;
  /** Cancels its own time. */
  cancel: () => void;
}

/** All sessions of a service. */
export class SessionReview implements Closable {
  readonly #options: SessionReviewOptions;
  readonly #open = new Map<ReviewedSession, Watched>();
  readonly #stopListening: () => void;
  #cancelRound: () => void = () => {};
  /** The rules that everything open was judged by. */
  #judgedBy: readonly unknown[] = [];

  constructor(options: SessionReviewOptions) {
    this.#options = options;
    this.#stopListening = options.feed.onChange((deviceId) =>
      deviceId === undefined ? this.#rulesChanged() : this.#factsChanged(deviceId),
    );
    this.#laterRound();
  }

  /**
   * Watches a session from now on, and judges it at once: the rules may have changed while its beginning was written down.
   * Throws the refusal, without calling `end`, when it may not go on. Returns a function that takes it out: call it when
   * the session is over.
   */
  add(session: ReviewedSession): () => void {
    this.#open.set(session, { begun: this.#options.clock.now(), cancel: () => {} });
    const reason = this.#judge(session);
    if (reason !== undefined) {
      this.#remove(session);
      throw refusalFault(reason);
    }
    return () => this.#remove(session);
  }

  /** Judges everything: for changes that the feed does not tell, such as labels of the service itself. */
  review(): void {
    for (const session of [...this.#open.keys()]) this.#reviewOne(session);
  }

  /** Stops judging. What is open is the service's to end. */
  async close(): Promise<void> {
    this.#stopListening();
    this.#cancelRound();
    for (const session of [...this.#open.keys()]) this.#remove(session);
  }

  /** A change of the feed that touches no rule, as that of a server's heartbeat, is no reason to judge anything. */
  #rulesChanged(): void {
    const { policy, networking } = this.#options.feed.view;
    const rules = [policy, networking];
    if (rules.every((rule, index) => rule === this.#judgedBy[index])) return;
    this.#judgedBy = rules;
    this.review();
  }

  #factsChanged(deviceId: string): void {
    for (const session of [...this.#open.keys()]) {
      if (concerns(session, deviceId)) this.#reviewOne(session);
    }
  }

  #laterRound(): void {
    this.#cancelRound = this.#options.startTimer(reviewEveryMs, () => {
      this.#laterRound();
      this.review();
    });
  }

  #reviewOne(session: ReviewedSession): void {
    const reason = this.#judge(session);
    if (reason === undefined || !this.#open.has(session)) return;
    this.#remove(session);
    try {
      session.end(reason);
    } catch (error) {
      // The others must still end.
      this.#options.logger.error("a session that must end could not be ended", { error });
    }
  }

  /** Why it must end, or undefined; then its own time is set anew. What cannot be judged is not allowed. */
  #judge(session: ReviewedSession): Refusal | undefined {
    const { feed, clock, logger } = this.#options;
    try {
      const { policy, networking } = feed.view;
      const now = clock.now();
      const { begun = now } = this.#open.get(session) ?? {};
      const standing = judgeSession(session.describe(), { policy, networking, now, begun });
      if (standing.ends) return standing.reason;
      this.#setTime(session, standing.due, now);
      session.goesOn?.(standing.options);
      return undefined;
    } catch (error) {
      if (isFault(error)) {
        const { code, message, hint } = error;
        return refuse("review", message, { code, ...(hint === undefined ? {} : { hint }) });
      }
      logger.error("a session could not be reviewed", { error });
      return refuse("review", "access could not be decided", { code: "internal" });
    }
  }

  #setTime(session: ReviewedSession, due: Date | undefined, now: Date): void {
    const watched = this.#open.get(session);
    watched?.cancel();
    const wait = due === undefined ? undefined : Math.max(due.getTime() - now.getTime(), 1);
    // What is farther away than a round is set by the last round before it.
    const cancel =
      wait === undefined || wait > 2 * reviewEveryMs
        ? () => {}
        : this.#options.startTimer(wait, () => this.#reviewOne(session));
    if (watched !== undefined) watched.cancel = cancel;
  }

  #remove(session: ReviewedSession): void {
    this.#open.get(session)?.cancel();
    this.#open.delete(session);
  }
}

/** What cannot be asked is judged, which ends it. */
function concerns(session: ReviewedSession, deviceId: string): boolean {
  try {
    return session.describe().identity.device?.deviceId === deviceId;
  } catch {
    return true;
  }
}
