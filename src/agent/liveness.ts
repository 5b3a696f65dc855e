/**
 * The clocks of one connection: ends it when nobody uses it for too long, and when the client's machine no longer
 * answers. What rules and certificate say is judged elsewhere (`src/api/session-review.ts`).
 */
import type { StartTimer } from "#ssh/timer.ts";

/** What holds for a connection now; rules may change it while it runs. */
export interface LivenessRules {
  /** Undefined: no limit. */
  readonly idleTimeoutMs: number | undefined;
  /** Zero: no probes. */
  readonly keepAliveMs: number;
  /** Unanswered probes after which the client counts as gone. */
  readonly keepAliveCount: number;
}

/** What to do with the connection. */
export interface LivenessTarget {
  /** Asks the client for any answer. */
  ping(): Promise<void>;
  end(why: "idle" | "silent"): void;
}

/** Longest time that a timer of the runtime holds. */
const longestMs = 0x7fff_ffff;

/** Watches one connection until closed. */
export class Liveness {
  readonly #startTimer: StartTimer;
  readonly #target: LivenessTarget;
  #rules: LivenessRules | undefined;
  #cancelIdle: () => void = () => {};
  #cancelProbe: () => void = () => {};
  #active = false;
  #unanswered = 0;
  #closed = false;

  constructor(startTimer: StartTimer, target: LivenessTarget) {
    this.#startTimer = startTimer;
    this.#target = target;
  }

  /** Something was sent or received. Cheap: the timer looks back when it fires. */
  touch(): void {
    this.#active = true;
  }

  /** Sets the rules; the clocks of those that changed start anew. */
  apply(rules: LivenessRules): void {
    if (this.#closed) return;
    const before = this.#rules;
    this.#rules = rules;
    if (before?.idleTimeoutMs !== rules.idleTimeoutMs) this.#watchIdle();
    if (before?.keepAliveMs !== rules.keepAliveMs) this.#probeLater();
  }

  close(): void {
    this.#closed = true;
    this.#cancelIdle();
    this.#cancelProbe();
  }

  #watchIdle(): void {
    this.#cancelIdle();
    const timeout = this.#rules?.idleTimeoutMs;
    if (timeout === undefined || this.#closed) return;
    this.#active = false;
    // Looking four times per period makes the limit at most a quarter too long.
    let quarters = 0;
    const look = (): void => {
      quarters = this.#active ? 0 : quarters + 1;
      this.#active = false;
      if (quarters >= 4) this.#target.end("idle");
      else this.#cancelIdle = this.#startTimer(Math.min(timeout / 4, longestMs), look);
    };
    this.#cancelIdle = this.#startTimer(Math.min(timeout / 4, longestMs), look);
  }

  #probeLater(): void {
    this.#cancelProbe();
    const interval = this.#rules?.keepAliveMs ?? 0;
    if (interval <= 0 || this.#closed) return;
    this.#cancelProbe = this.#startTimer(Math.min(interval, longestMs), () => this.#probe());
  }

  #probe(): void {
    if (this.#unanswered >= (this.#rules?.keepAliveCount ?? 0) && this.#unanswered > 0) {
      this.#target.end("silent");
      return;
    }
    this.#unanswered++;
    this.#target.ping().then(
      () => {
        this.#unanswered = 0;
      },
      () => {},
    );
    this.#probeLater();
  }
}
