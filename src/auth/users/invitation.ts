/**
 * Invitation and reset links: a secret in an address, good for a limited time and once, with which a person sets their
 * own password and authenticator app. Only a hash of the secret is stored. A user has one open link, the newest: an entry
 * by the user's name says which, and a link that it does not name is dead.
 */
import { createHash } from "node:crypto";
import { formatKey } from "#backend/key.ts";
import type { Backend, Item, Operation } from "#backend/port.ts";
import { base64url, utf8 } from "#base/bytes.ts";
import type { Clock } from "#base/clock.ts";
import { formatDuration } from "#base/duration.ts";
import { Fault, isFault } from "#base/fault.ts";
import type { Random } from "#base/random.ts";
import type { MfaDevice } from "../mfa/device.ts";
import type { Stores } from "../store/stores.ts";
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

const mostAttempts = 10;

const lifetimes = {
  invite: { defaultMs: 3_600_000, maxMs: 48 * 3_600_000 },
  password: { defaultMs: 8 * 3_600_000, maxMs: 24 * 3_600_000 },
} as const;

/** Makes, shows and spends links. */
export class Invitations {
  readonly #backend: Backend;
  readonly #users: Stores["users"];
  readonly #credentials: CredentialStore;
  readonly #passwords: PasswordHasher;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(parts: {
    readonly backend: Backend;
    readonly users: Stores["users"];
    readonly credentials: CredentialStore;
    readonly passwords: PasswordHasher;
    readonly clock: Clock;
    readonly random: Random;
  }) {
    this.#backend = parts.backend;
    this.#users = parts.users;
    this.#credentials = parts.credentials;
    this.#passwords = parts.passwords;
    this.#clock = parts.clock;
    this.#random = parts.random;
  }

  /**
   * Opens a link for a user, which ends the one before; a zero `ttlMs` means the usual time. The password is void from now
   * on: a link is asked for when it is lost, or in wrong hands. The second factors are replaced when the link is accepted.
   * `record` writes down what is about to happen; when it throws, nothing happens. Gives the secret, which is stored
   * nowhere. Throws `not-found` when there is no such user.
   */
  async create(
    user: string,
    kind: InvitationKind,
    ttlMs: number,
    record: (invitation: Invitation) => Promise<void> = async () => {},
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
    const value = utf8(JSON.stringify(invitation));
    await this.#users.get(user);
    await record(invitation);
    try {
      await this.#backend.atomic([
        { type: "check", key: this.#users.keyOf(user), if: "present" },
        { type: "put", key: linkKey(hashOf(token)), value, expires },
        { type: "put", key: openKey(user), value: utf8(hashOf(token)), expires },
        ...this.#credentials.voidPasswordOperations(user),
      ]);
    } catch (error) {
      if (!isFault(error, "conflict")) throw error;
      throw new Fault("not-found", `user ${user} is not found`, { cause: error });
    }
    return { token, invitation };
  }

  /** The writes that end the open link of a user, to go into one atomic write with others. */
  deleteOperations(user: string): Operation[] {
    return [{ type: "delete", key: openKey(user) }];
  }

  /**
   * The open link with this secret; throws `not-found` in the same words for unknown, spent, expired and replaced ones.
   */
  async get(token: string): Promise<Invitation> {
    return (await this.#find(token)).invitation;
  }

  async #find(token: string): Promise<{ invitation: Invitation; spend: Operation[] }> {
    const hash = hashOf(token);
    const item = await this.#backend.find(linkKey(hash));
    if (!item) throw gone();
    const invitation = decode(item);
    const open = await this.#backend.find(openKey(invitation.user));
    if (!open || new TextDecoder().decode(open.value) !== hash) throw gone();
    return {
      invitation,
      spend: [
        { type: "delete", key: item.key, if: "present" },
        { type: "delete", key: open.key, if: { revision: open.revision } },
      ],
    };
  }

  /**
   * Spends a link: sets the password and the second factor, in one write. `setUp` verifies the new factor and gives it,
   * or undefined where the cluster wants none; when it throws, the link stays open. Throws `not-found` when meanwhile
   * somebody else spent it, a newer link took its place or the user was deleted. `record` writes down what is about to
   * happen; when it throws, nothing happens.
   */
  async accept(
    token: string,
    password: string,
    setUp: (invitation: Invitation) => Promise<MfaDevice | undefined>,
    record: (invitation: Invitation, device: MfaDevice | undefined) => Promise<void>,
  ): Promise<Invitation> {
    const { invitation } = await this.#find(token);
    const device = await setUp(invitation);
    const passwordHash = await this.#passwords.hash(password);
    const { user, webauthnUserId } = invitation;
    const factors = { devices: device ? [device] : [], webauthnUserId };
    await record(invitation, device);
    for (let attempt = 0; ; attempt++) {
      // Throws when the link has ended meanwhile.
      const { spend } = await this.#find(token);
      const writes = [
        ...this.#credentials.putOperations(user, { passwordHash }),
        ...(await this.#credentials.secondFactors.replaceOperations(user, factors)),
      ];
      try {
        await this.#backend.atomic([...spend, ...writes]);
        break;
      } catch (error) {
        if (!isFault(error, "conflict")) throw error;
        // A second factor was used in between; nobody may keep the owner out by that.
        if (attempt >= mostAttempts) throw gone(error);
      }
    }
    await this.#credentials.clearAttempts(user);
    return invitation;
  }
}

function decode({ value }: Item): Invitation {
  return JSON.parse(new TextDecoder().decode(value)) as Invitation;
}

function gone(cause?: unknown): Fault {
  return new Fault(
    "not-found",
    "this link does not work: it has expired, was used already, or a newer one has taken its place",
    { cause },
  );
}

function hashOf(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

function linkKey(hash: string): string {
  return formatKey("invitations", hash);
}

function openKey(user: string): string {
  return formatKey("open-invitations", user);
}
