/**
 * Enrollment tokens. The server stores only a hash; spending one, once and atomically, is the store's affair.
 */
import { createHash } from "node:crypto";
import { hex, utf8 } from "#base/bytes.ts";
import { Fault } from "#base/fault.ts";
import type { Random } from "#base/random.ts";
import { Secret } from "#base/secret.ts";

/** How long tokens live. */
export const enrollTokenTtl = {
  defaultMs: 3_600_000,
  maxMs: 24 * 3_600_000,
  /** Tokens that auto-enrollment issues to the client itself. */
  autoMs: 300_000,
} as const;

/** What the server stores about a token. */
export interface EnrollTokenRecord {
  /** SHA-256 of the token, hexadecimal. */
  readonly hash: string;
  readonly deviceId: string;
  /** When set, only this user may spend it, and needs no `enroll` permission: an auto-enrollment token. */
  readonly username?: string | undefined;
  readonly expires: Date;
}

/** A fresh token: the text for the person, the record for the store. */
export interface EnrollToken {
  readonly token: Secret;
  readonly record: EnrollTokenRecord;
}

/** For what, and for how long, a token is wanted. */
export interface EnrollTokenRequest {
  readonly deviceId: string;
  /** Defaults to one hour; at most a day from now. */
  readonly expires?: Date | undefined;
  /** Makes an auto-enrollment token for this user; it lives five minutes. */
  readonly autoEnrollUser?: string | undefined;
}

/** Why a token is not accepted; for the audit event. The peer reads one sentence for all. */
export type EnrollTokenProblem = "unknown" | "expired" | "spent" | "other_device" | "other_user";

const tokenBytes = 20;

/** Makes a token of 160 random bits. Throws `invalid` for an expiry in the past or more than a day away. */
export function createEnrollToken(
  { deviceId, expires, autoEnrollUser }: EnrollTokenRequest,
  now: Date,
  random: Random,
): EnrollToken {
  const text = hex(random(tokenBytes));
  const ttlMs = autoEnrollUser === undefined ? enrollTokenTtl.defaultMs : enrollTokenTtl.autoMs;
  const until = expires ?? new Date(now.getTime() + ttlMs);
  assertEnrollTokenExpiry(until, now);
  const record = { hash: hashEnrollToken(text), deviceId, expires: until };
  return {
    token: new Secret(text),
    record: autoEnrollUser === undefined ? record : { ...record, username: autoEnrollUser },
  };
}

/** The key under which a token is stored and looked up. */
export function hashEnrollToken(token: string): string {
  return hex(createHash("sha256").update(utf8(token)).digest());
}

/** What stands against accepting the token, or undefined. `record` is what the store held under its hash. */
export function findEnrollTokenProblem(
  record: EnrollTokenRecord | undefined,
  presented: { readonly deviceId: string; readonly username: string },
  now: Date,
): EnrollTokenProblem | undefined {
  if (record === undefined) return "unknown";
  if (now >= record.expires) return "expired";
  if (record.deviceId !== presented.deviceId) return "other_device";
  const { username } = record;
  return username === undefined || username === presented.username ? undefined : "other_user";
}

/** The refusal of a token, in the words that clients know. */
export function refuseEnrollToken(problem: EnrollTokenProblem): Fault {
  return new Fault("access-denied", "invalid device enrollment token", {
    hint: "ask for a new token: tctl devices enroll --asset-tag=SERIAL",
    audit: { reason: `enroll_token_${problem}` },
  });
}

/** Throws `invalid` for an expiry in the past or more than a day away. */
export function assertEnrollTokenExpiry(expires: Date, now: Date): void {
  const ttlMs = expires.getTime() - now.getTime();
  if (ttlMs > 0 && ttlMs <= enrollTokenTtl.maxMs) return;
  throw new Fault("invalid", "an enrollment token must expire within the next 24 hours", {
    hint: "leave the expiry out to get one hour",
  });
}
