/** Whether a request to an MDM is worth another try, and how long to wait before it. Pure. */

const bounds = {
  attempts: 7,
  firstMs: 1000,
  mostMs: 60_000,
  /** Who asks for more patience than this is not waited for: the run fails and is planned anew. */
  retryAfterMs: 60 * 60_000,
} as const;

/** How a request went. */
export interface Attempt {
  /** 1 for the first. */
  readonly number: number;
  /** The status of HTTP; undefined when the connection failed. */
  readonly status: number | undefined;
  /** The header Retry-After (RFC 9110 section 10.2.3): seconds, or a date of HTTP. */
  readonly retryAfter?: string | undefined;
}

const passing: ReadonlySet<number | undefined> = new Set([undefined, 408, 429, 500, 502, 503, 504]);

/**
 * Milliseconds to wait before the next attempt; undefined when it would be no use. Doubling from a second to a minute,
 * between a half and the whole of it by `jitter` (0 to 1), and never less than the MDM asks for.
 */
export function waitBeforeRetry(attempt: Attempt, now: Date, jitter: number): number | undefined {
  if (!passing.has(attempt.status) || attempt.number >= bounds.attempts) return undefined;
  const asked = readRetryAfter(attempt.retryAfter, now);
  if (asked > bounds.retryAfterMs) return undefined;
  const most = Math.min(bounds.firstMs * 2 ** (attempt.number - 1), bounds.mostMs);
  return asked + Math.round(most / 2 + (most / 2) * jitter);
}

/** Milliseconds; zero when the header says nothing. */
function readRetryAfter(text: string | undefined, now: Date): number {
  if (text === undefined || text.length > 64) return 0;
  if (/^\d{1,9}$/.test(text.trim())) return Number(text) * 1000;
  const at = /^[A-Z][a-z]{2}, /.test(text.trim()) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? 0 : Math.max(0, at - now.getTime());
}
