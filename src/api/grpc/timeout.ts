/**
 * The `grpc-timeout` header: at most eight digits and a unit (gRPC over HTTP/2, "Timeout").
 */
import { Fault } from "#base/fault.ts";

const unitMs: ReadonlyMap<string, number> = new Map([
  ["H", 3_600_000],
  ["M", 60_000],
  ["S", 1000],
  ["m", 1],
  ["u", 1e-3],
  ["n", 1e-6],
]);

/** Milliseconds until the deadline. Throws `malformed`. */
export function parseTimeout(text: string): number {
  const match = /^(\d{1,8})([HMSmun])$/.exec(text);
  const unit = unitMs.get(match?.[2] ?? "");
  if (!match || unit === undefined) throw new Fault("malformed", "grpc-timeout is malformed");
  return Number(match[1]) * unit;
}

/** The header value for a number of milliseconds, rounded up; zero and less is "1n". */
export function formatTimeout(ms: number): string {
  if (ms <= 0) return "1n";
  const whole = Math.ceil(ms);
  if (whole < 1e8) return `${whole}m`;
  return `${Math.min(Math.ceil(ms / 1000), 99_999_999)}S`;
}
