/**
 * What local users log in with, kept apart from the user documents so that no listing, export or audit event can ever
 * carry it: password hash, second factors, and the record of failures.
 */
import { createHash } from "node:crypto";
import { formatKey } from "#backend/key.ts";
import type { Backend, Operation } from "#backend/port.ts";
import { utf8 } from "#base/bytes.ts";
import { isFault } from "#base/fault.ts";
import { SecondFactorStore } from "../mfa/store.ts";
import type { Stores } from "../store/stores.ts";
import {
  countTry,
  type LoginAttempts,
  lockedUntil,
  lockout,
  noAttempts,
  takeBackTry,
} from "./attempts.ts";

/** The credentials of one user. */
export interface Credentials {
  /** PHC text; absent until the user has set a password. */
  readonly passwordHash?: string;
}

/** No credentials: the user cannot log in. */
export const noCredentials: Credentials = {};

/** Credentials and failures by user name. */
export class CredentialStore {
  readonly secondFactors: SecondFactorStore;
  readonly #backend: Backend;
  readonly #users: Stores["users"];

  constructor(backend: Backend, users: Stores["users"]) {
    this.#backend = backend;
    this.#users = users;
    this.secondFactors = new SecondFactorStore(backend, users);
  }

  /** The credentials of a user; those of an unknown user are {@link noCredentials}. */
  async get(user: string): Promise<Credentials> {
    const item = await this.#backend.find(credentialsKey(user));
    return item ? decode<Credentials>(item.value) : noCredentials;
  }

  /**
   * The writes that store credentials whatever was there before, to go into one atomic write with others. They fail when
   * the user is gone: what is left behind would be the next one's of that name.
   */
  putOperations(user: string, credentials: Credentials): Operation[] {
    return [
      { type: "check", key: this.#users.keyOf(user), if: "present" },
      { type: "put", key: credentialsKey(user), value: encode(credentials) },
    ];
  }

  /**
   * The writes that void the password and open the login, to go into one atomic write with others. The second factors
   * stay: without them a stolen login could register its own.
   */
  voidPasswordOperations(user: string): Operation[] {
    return [credentialsKey(user), attemptsKey(user)].map((key) => ({ type: "delete", key }));
  }

  /** The writes that forget all credentials and failures of a user, to go into one atomic write with others. */
  async deleteOperations(user: string): Promise<Operation[]> {
    const factors = await this.secondFactors.deleteOperations(user);
    return [...this.voidPasswordOperations(user), ...factors];
  }

  /** The failures of a user name, whether or not there is such a user. */
  async attempts(user: string): Promise<LoginAttempts> {
    const item = await this.#backend.find(attemptsKey(user));
    return item ? decode<LoginAttempts>(item.value) : noAttempts;
  }

  /**
   * Counts a try as wrong before it is judged; gives until when the login is closed, in which case nothing may be judged.
   * One step, so that guesses made at the same time are all counted.
   */
  async countTry(user: string, now: Date): Promise<Date | undefined> {
    let closed: Date | undefined;
    await this.#changeAttempts(user, now, (attempts) => {
      closed = lockedUntil(attempts, now);
      return closed ? undefined : countTry(attempts, now);
    });
    return closed;
  }

  /** Takes back the try that was counted at that moment: it was right. */
  async takeBackTry(user: string, moment: Date): Promise<void> {
    await this.#changeAttempts(user, moment, (attempts) => takeBackTry(attempts, moment));
  }

  /** `change` gives undefined to leave things as they are. Failures are forgotten when they no longer matter. */
  async #changeAttempts(
    user: string,
    now: Date,
    change: (attempts: LoginAttempts) => LoginAttempts | undefined,
  ): Promise<void> {
    const key = attemptsKey(user);
    const expires = new Date(now.getTime() + lockout.lockedMs + lockout.windowMs);
    for (;;) {
      const item = await this.#backend.find(key);
      const record = change(item ? decode<LoginAttempts>(item.value) : noAttempts);
      if (record === undefined) return;
      const changed = encode(record);
      try {
        if (item) await this.#backend.update(key, changed, item.revision, { expires });
        else await this.#backend.create(key, changed, { expires });
        return;
      } catch (error) {
        // Somebody else wrote in between, so the whole got ahead: this ends.
        if (!isFault(error, "conflict", "already-exists")) throw error;
      }
    }
  }

  /** Forgets the failures of a user. */
  async clearAttempts(user: string): Promise<void> {
    await this.#backend.delete(attemptsKey(user));
  }
}

function credentialsKey(user: string): string {
  return formatKey("credentials", user);
}

/** Hashed, because strangers choose the name: any length and any characters. */
function attemptsKey(user: string): string {
  return formatKey("attempts", createHash("sha256").update(user).digest("hex"));
}

function encode(value: Credentials | LoginAttempts): Uint8Array {
  return utf8(JSON.stringify(value));
}

function decode<T>(bytes: Uint8Array): T {
  return JSON.parse(new TextDecoder().decode(bytes)) as T;
}
