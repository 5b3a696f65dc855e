/** How long a certificate may live: the shortest of what is asked, what the roles allow, and the caller's own end. */
import { parseDuration } from "#base/duration.ts";
import type { RoleSet } from "./role-set.ts";

/** What a role without `max_session_ttl` allows (public API), in milliseconds. */
const roleDefaultMs = 30 * 3_600_000;

/** Longest life of a certificate for the holder of these roles, in milliseconds; zero without roles. */
export function maxTtlMs({ roles }: Pick<RoleSet, "roles">): number {
  if (roles.length === 0) return 0;
  const limits = roles.map(({ spec }) => {
    const text = spec.options.max_session_ttl;
    const ms = text === undefined ? 0 : parseDuration(text);
    return ms > 0 ? ms : roleDefaultMs;
  });
  return Math.min(...limits);
}

/**
 * The end of a new certificate: `now` plus the wanted time, cut to what the roles allow and to `notAfter`, the end of
 * the certificate that asks, if there is one.
 */
export function certificateEnd(
  roleSet: Pick<RoleSet, "roles">,
  now: Date,
  wantedMs: number,
  notAfter?: Date,
): Date {
  const end = now.getTime() + Math.max(0, Math.min(wantedMs, maxTtlMs(roleSet)));
  return new Date(notAfter === undefined ? end : Math.min(end, notAfter.getTime()));
}
