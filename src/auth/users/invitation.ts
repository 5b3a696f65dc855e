/**
 * Invitation and reset links: a secret in an address, good for a limited time and once, with which a person sets their
 * own password and authenticator app. Only a hash of the secret is stored.
 */
import { createHash } from "node:crypto";
import { formatKey, formatPrefix } from "#backend/key.ts";
import type { Backend, Item } from "#backend/port.ts";
import { scanItems } from "#backend/scan.ts";
import { base64url, utf8 } from "#base/bytes.ts";
import type { Clock } from "#base/clock.ts";
import { formatDuration } from "#base/duration.ts";
import { Fault, isFault } from "#base/fault.ts";
import type { Random } from "#base/random.ts";
import type { MfaDevice } from "../mfa/device.ts";
import type { CredentialStore } from "./credentials.ts";
import type { PasswordHasher } from "./password.ts";
import { createTotpDevice, type TotpDevice } from "./totp.ts";

/** First login of a new user, or a new password for an old one. */
export type InvitationKind = "invite" | "password";

/**
 * An open link. `totp` is the app that the page proposes, and `challenge` what a security key answers to instead; one of
 * them becomes the user's when the link is accepted.
 */
export interface Invitation {
  readonly user: string;
  readonly kind: InvitationKind;
  readonly created: string;
  readonly expires: string;
  readonly totp: TotpDevice;
  /** Base64url. */
  readonly challenge: string;
  /** What authenticators know the user by, base64url. */
  readonly webauthnUserId: string;
}

const folder = "invitations";

const lifetimes = {
  invite: { defaultMs: 3_600_000, maxMs: 48 * 3_600_000 },
  password: { defaultMs: 8 * 3_600_000, maxMs: 24 * 3_600_000 },
} as const;

/** Makes, shows and spends links. */
export class Invitations {
  readonly #backend: Backend;
  readonly #credentials: CredentialStore;
  readonly #passwords: PasswordHasher;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(parts: {
    readonly backend: Backend;
    readonly credentials: CredentialStore;
    readonly passwords: PasswordHasher;
    readonly clock: Clock;
    readonly random: Random;
  }) {
    this.#backend = parts.backend;
    this.#credentials = parts.credentials;
    this.#passwords = parts.passwords;
    this.#clock = parts.clock;
    this.#random = parts.random;
  }

  /** Opens a link for a user; a zero `ttlMs` means the usual time. Gives the secret, which is stored nowhere. */
  async create(
    user: string,
    kind: InvitationKind,
    ttlMs: number,
  ): Promise<{ token: string; invitation: Invitation }> {
    const { defaultMs, maxMs } = lifetimes[kind];
    if (!(ttlMs >= 0 && ttlMs <= maxMs)) {
      throw new Fault("invalid", `a link may be good for at most ${formatDuration(maxMs)}`);
    }
    const now = this.#clock.now();
    const expires = new Date(now.getTime() + (ttlMs || defaultMs));
    const token = base64url(this.#random(24));
    const { webauthnUserId } = await this.#credentials.secondFactors.get(user);
    const invitation: Invitation = {
      user,
      kind,
      created: now.toISOString(),
      expires: expires.toISOString(),
      totp: createTotpDevice("otp", now, this.#random),
      challenge: base64url(this.#random(32)),
      webauthnUserId: webauthnUserId ?? base64url(this.#random(32)),
    };
    await this.#backend.create(keyOf(token), utf8(JSON.stringify(invitation)), { expires });
    return { token, invitation };
  }

  /** Deletes all open links of a user. */
  async deleteOf(user: string): Promise<void> {
    for await (const item of scanItems(this.#backend, { prefix: formatPrefix(folder) })) {
      if (decode(item).user === user) await this.#backend.delete(item.key);
    }
  }

  /** The open link with this secret; throws `not-found` in the same words for unknown, spent and expired ones. */
  async get(token: string): Promise<Invitation> {
    const item = await this.#backend.find(keyOf(token));
    if (!item)
      throw new Fault("not-found", "this link does not work: it has expired or was used already");
    return decode(item);
  }

  /**
   * Spends a link: sets the password and the second factor, in one write. `setUp` verifies the new factor and gives it,
   * or undefined where the cluster wants none; when it throws, the link stays open. Throws `not-found` when somebody else
   * spent it first. `record` writes down what is about to happen; when it throws, nothing happens.
   */
  async accept(
    token: string,
    password: string,
    setUp: (invitation: Invitation) => Promise<MfaDevice | undefined>,
    record: (invitation: Invitation, device: MfaDevice | undefined) => Promise<void>,
  ): Promise<Invitation> {
    const invitation = await this.get(token);
    const device = await setUp(invitation);
    const passwordHash = await this.#passwords.hash(password);
    const { user, webauthnUserId } = invitation;
    const factors = { devices: device ? [device] : [], webauthnUserId };
    const writes = [
      this.#credentials.putOperation(user, { passwordHash }),
      ...(await this.#credentials.secondFactors.replaceOperations(user, factors)),
    ];
    await record(invitation, device);
    try {
      await this.#backend.atomic([{ type: "delete", key: keyOf(token), if: "present" }, ...writes]);
    } catch (error) {
      if (!isFault(error, "conflict")) throw error;
      throw new Fault("not-found", "this link does not work: it has expired or was used already", {
        cause: error,
      });
    }
    await this.#credentials.clearAttempts(invitation.user);
    return invitation;
  }
}

function decode({ value }: Item): Invitation {
  return JSON.parse(new TextDecoder().decode(value)) as Invitation;
}

function keyOf(token: string): string {
  return formatKey(folder, createHash("sha256").update(token).digest("hex"));
}
