/**
 * Lockout after repeated failure: five wrong tries within fifteen minutes close local login for twenty minutes. Every try
 * counts as wrong before it is judged, and is taken back when it was right: of many at the same time, five are judged.
 * Pure; the caller keeps the record and counts for unknown users too, so that a lockout tells nothing about who exists.
 */

/** The record of one user's failures. Times are RFC 3339. */
export interface LoginAttempts {
  readonly failures: readonly string[];
  readonly lockedUntil?: string;
}

/** How many failures within which time close the login, and for how long. */
export const lockout = { failures: 5, windowMs: 15 * 60_000, lockedMs: 20 * 60_000 } as const;

/** No failures yet. */
export const noAttempts: LoginAttempts = { failures: [] };

/** The record with one more try, which counts as wrong; unchanged while the login is closed. */
export function countTry(attempts: LoginAttempts, now: Date): LoginAttempts {
  if (lockedUntil(attempts, now)) return attempts;
  const since = now.getTime() - lockout.windowMs;
  const recent = attempts.failures.filter((time) => Date.parse(time) > since);
  const failures = [...recent, now.toISOString()];
  if (failures.length < lockout.failures) return { failures };
  return { failures, lockedUntil: new Date(now.getTime() + lockout.lockedMs).toISOString() };
}

/** The record without the try of that moment, which was right. The login stays closed only for failures of others. */
export function takeBackTry(attempts: LoginAttempts, moment: Date): LoginAttempts {
  const own = attempts.failures.indexOf(moment.toISOString());
  const failures = attempts.failures.filter((_, index) => index !== own);
  return own >= 0 && failures.length < lockout.failures ? { failures } : { ...attempts, failures };
}

/** Until when the login is closed, or undefined when it is open. */
export function lockedUntil(attempts: LoginAttempts, now: Date): Date | undefined {
  if (attempts.lockedUntil === undefined) return undefined;
  const until = new Date(attempts.lockedUntil);
  return until > now ? until : undefined;
}
