/** Disconnect reasons (RFC 4253 section 11.1) and which of them a failure of ours becomes. */
import { Fault, type FaultCode, isFault } from "#base/fault.ts";

/** The reasons that we send. */
export const disconnectReason = {
  protocolError: 2,
  keyExchangeFailed: 3,
  macError: 5,
  hostKeyNotVerifiable: 9,
  connectionLost: 10,
  byApplication: 11,
  tooManyConnections: 12,
  noMoreAuthMethods: 14,
} as const;

const byCode: Partial<Record<FaultCode, number>> = {
  malformed: disconnectReason.protocolError,
  limit: disconnectReason.protocolError,
  invalid: disconnectReason.keyExchangeFailed,
  unproven: disconnectReason.hostKeyNotVerifiable,
  "access-denied": disconnectReason.noMoreAuthMethods,
  timeout: disconnectReason.byApplication,
  canceled: disconnectReason.byApplication,
};

/** What to tell the peer about a failure: the sentence only where it says nothing about our decisions. */
export function describeFailure(error: unknown): { reason: number; description: string } {
  if (!isFault(error)) {
    return { reason: disconnectReason.byApplication, description: "internal error" };
  }
  const reason = byCode[error.code] ?? disconnectReason.byApplication;
  const open = isFault(error, "malformed", "limit", "invalid", "timeout");
  return { reason, description: open ? error.message : "connection closed" };
}

/** The failure that a disconnect message of the peer is to us. */
export function disconnected(reason: number, description: string): Fault {
  const shown = showText(description, 200);
  return new Fault(
    "unavailable",
    `the SSH peer closed the connection: ${shown || "no reason given"}`,
    {
      audit: { reason },
    },
  );
}

/** Text of a peer that is safe on a terminal and in a log: one line, no control characters, bounded. */
export function showText(text: string, limit: number): string {
  const clean = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ").trim();
  return clean.length > limit ? `${clean.slice(0, limit)}…` : clean;
}
