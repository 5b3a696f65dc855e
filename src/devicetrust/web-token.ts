/**
 * The two tokens of a web authentication. A browser has no device key, so the device vouches for its session: the login
 * gives a web token to the browser, the browser hands it to the device, the device proves itself with it and gets a
 * confirmation token, and the browser brings that one back. Each is bound, good for five minutes, and spent by its first
 * use, whatever becomes of it. The server stores hashes; spending, once and atomically, is the store's affair.
 */
import { createHash } from "node:crypto";
import { base64url, hex, utf8 } from "#base/bytes.ts";
import { type Random, uuid } from "#base/random.ts";
import { Secret } from "#base/secret.ts";
import type { DeviceExtensions } from "#identity/identity.ts";
import { type Browser, sameAddress, systemOfBrowser } from "./browser.ts";
import type { OsType } from "./messages.ts";
import { refuseCeremony } from "./refusal.ts";

/** How long either token lives. */
export const webTokenTtlMs = 5 * 60_000;

/** What both tokens have. `id` is public and joins the events of one authentication. */
interface BoundToken {
  readonly id: string;
  readonly user: string;
  /** The web session that began the authentication, and the only one that may end it. */
  readonly sessionId: string;
  readonly expires: Date;
}

/** What the server remembers of a web token. */
export interface WebTokenRecord extends BoundToken {
  readonly browser: Browser;
  /** Ids of the devices that may use it: those of the user that can be where the browser is. */
  readonly expectedDevices: readonly string[];
}

/** What the server remembers of a confirmation token. Its id is that of the web token before it. */
export interface ConfirmationRecord extends BoundToken {
  /** The device that proved itself. */
  readonly device: DeviceExtensions;
}

/** The words of a token: for the browser, and the key under which the server finds the record. */
export interface FreshToken {
  /** Base64url without padding. */
  readonly token: Secret;
  readonly hash: string;
}

const tokenBytes = 32;
/** Longer texts are nobody's token. */
const maxText = 128;

/** Makes the secret of a token: 256 random bits. */
export function createWebTokenSecret(random: Random): FreshToken {
  const text = base64url(random(tokenBytes));
  return { token: new Secret(text), hash: hashWebToken(text) };
}

/** A fresh id, for the web token; its confirmation token has the same. */
export function createWebTokenId(random: Random): string {
  return uuid(random);
}

/** The key under which a token is stored and looked up. */
export function hashWebToken(token: string): string {
  return hex(createHash("sha256").update(utf8(token)).digest());
}

/** True for texts that may be looked up. */
export function isPossibleToken({ id, token }: { readonly id: string; readonly token: string }) {
  return id !== "" && token !== "" && id.length <= maxText && token.length <= maxText;
}

/** The use of a web token by a device. */
export interface WebTokenUse {
  readonly id: string;
  readonly now: Date;
  /** Who is logged in where the device is. */
  readonly user: string;
  /** Where the device is. */
  readonly address: string;
}

type WebTokenCheck = (record: WebTokenRecord, use: WebTokenUse) => boolean;

/** What must hold before the device is looked at, in order. The names are the reasons in the audit event. */
const useChecks: readonly (readonly [reason: string, why: string, holds: WebTokenCheck])[] = [
  ["web_token_id", "the token has another id", (record, { id }) => record.id === id],
  ["web_token_expired", "the token has expired", ({ expires }, { now }) => now < expires],
  ["web_token_user", "the token is another user's", (record, { user }) => record.user === user],
  [
    "web_token_address",
    "the browser and the device come from different addresses",
    ({ browser }, { address }) => sameAddress(browser.address, address),
  ],
];

/** Refuses a use of a web token that is not what it was made for. `record` is what the store held, and holds no more. */
export function assertWebTokenUse(
  record: WebTokenRecord | undefined,
  use: WebTokenUse,
): asserts record is WebTokenRecord {
  if (record === undefined) {
    throw refuse("web_token_unknown", "there is no such token, or it was spent");
  }
  for (const [reason, why, holds] of useChecks) {
    if (!holds(record, use)) throw refuse(reason, why);
  }
}

/** Refuses a device that the token was not made for. */
export function assertExpectedDevice(
  { expectedDevices, browser }: WebTokenRecord,
  device: { readonly id: string; readonly osType: OsType },
): void {
  if (!expectedDevices.includes(device.id)) {
    throw refuse("web_token_device", "the token is for other devices");
  }
  if (systemOfBrowser(browser) !== device.osType) {
    throw refuse("web_token_system", "the browser runs on another operating system");
  }
}

/** The use of a confirmation token by a browser. */
export interface ConfirmationUse {
  readonly id: string;
  readonly now: Date;
  /** The session of the browser that brings it; empty when it has none. */
  readonly sessionId: string;
}

type ConfirmationCheck = (record: ConfirmationRecord, use: ConfirmationUse) => boolean;

const confirmationChecks: readonly (readonly [string, string, ConfirmationCheck])[] = [
  ["confirmation_id", "the token has another id", (record, { id }) => record.id === id],
  ["confirmation_expired", "the token has expired", ({ expires }, { now }) => now < expires],
  [
    "confirmation_session",
    "another session began the authentication",
    (record, { sessionId }) => sessionId !== "" && record.sessionId === sessionId,
  ],
];

/** Refuses a confirmation that is not the end of what began. `record` is what the store held, and holds no more. */
export function assertConfirmationUse(
  record: ConfirmationRecord | undefined,
  use: ConfirmationUse,
): asserts record is ConfirmationRecord {
  if (record === undefined) {
    throw refuse("confirmation_unknown", "there is no such token, or it was spent");
  }
  for (const [reason, why, holds] of confirmationChecks) {
    if (!holds(record, use)) throw refuse(reason, why);
  }
}

function refuse(reason: string, why: string) {
  return refuseCeremony("authentication", reason, why);
}
