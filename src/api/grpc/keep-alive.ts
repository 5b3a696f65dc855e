/**
 * Notices a peer that has vanished without closing the connection: pings it and destroys the session when no
 * answer comes (RFC 9113 section 6.7).
 */
import type { Http2Session } from "node:http2";
import { keepAliveMs, keepAliveTimeoutMs } from "./limits.ts";

/** Probes `session` until it closes. The timers keep no process alive. */
export function keepAlive(
  session: Http2Session,
  everyMs: number = keepAliveMs,
  timeoutMs: number = keepAliveTimeoutMs,
): void {
  if (everyMs <= 0) return;
  let overdue: NodeJS.Timeout | undefined;
  const probe = () => {
    if (session.destroyed || session.closed) return;
    clearTimeout(overdue);
    overdue = setTimeout(() => session.destroy(), timeoutMs).unref();
    session.ping(() => clearTimeout(overdue));
  };
  const timer = setInterval(probe, everyMs).unref();
  session.once("close", () => {
    clearInterval(timer);
    clearTimeout(overdue);
  });
}
