/**
 * The second factors of each user, in a document of their own: away from the password, so that neither is read or
 * written with the other. One document per user, because names, the last factor and spent codes are rules about all of
 * them together. A WebAuthn credential belongs to one user of the cluster: an index of credential ids sees to that.
 */
import { createHash } from "node:crypto";
import { formatKey } from "#backend/key.ts";
import type { Backend, Operation } from "#backend/port.ts";
import { hex, utf8 } from "#base/bytes.ts";
import { Fault, isFault } from "#base/fault.ts";
import type { Stores } from "../store/stores.ts";
import type { MfaDevice } from "./device.ts";

/** The second factors of one user. */
export interface SecondFactors {
  readonly devices: readonly MfaDevice[];
  /** What authenticators know the user by (WebAuthn section 5.4.3), base64url; absent before the first. */
  readonly webauthnUserId?: string;
}

/** What a user has who never set anything up. */
export const noSecondFactors: SecondFactors = { devices: [] };

const attemptsAtOnce = 10;

/** Second factors by user name. */
export class SecondFactorStore {
  readonly #backend: Backend;
  readonly #users: Stores["users"];

  constructor(backend: Backend, users: Stores["users"]) {
    this.#backend = backend;
    this.#users = users;
  }

  /** The second factors of a user; those of an unknown user are {@link noSecondFactors}. */
  async get(user: string): Promise<SecondFactors> {
    return (await this.#read(user)).factors;
  }

  /**
   * Reads, changes and writes back as one step: when somebody else wrote in between, `change` runs again on the new
   * state. `change` gives undefined to leave things as they are; then this gives undefined too. Throws `already-exists`
   * for a credential that somebody has registered, and `not-found` when the user is gone: what is left behind would be the
   * next one's of that name.
   */
  async modify(
    user: string,
    change: (factors: SecondFactors) => SecondFactors | undefined,
  ): Promise<SecondFactors | undefined> {
    for (let attempt = 0; ; attempt++) {
      const { factors, revision } = await this.#read(user);
      const changed = change(factors);
      if (changed === undefined) return undefined;
      try {
        await this.#backend.atomic([
          { type: "check", key: this.#users.keyOf(user), if: "present" },
          ...operationsOf(user, factors, revision, changed),
        ]);
        return changed;
      } catch (error) {
        if (!isFault(error, "conflict", "already-exists")) throw error;
        await this.#users.get(user);
        await this.#assertFree(factors, changed);
        if (attempt >= attemptsAtOnce) throw error;
      }
    }
  }

  /** The writes that put these in the place of all others of the user, to go into one atomic write with others. */
  async replaceOperations(user: string, after: SecondFactors): Promise<Operation[]> {
    const { factors, revision } = await this.#read(user);
    return operationsOf(user, factors, revision, { ...factors, ...after });
  }

  /** The writes that forget the second factors of a user, to go into one atomic write with others. */
  async deleteOperations(user: string): Promise<Operation[]> {
    const { factors } = await this.#read(user);
    const indexed = credentialsOf(factors).map(credentialKey);
    return [factorsKey(user), ...indexed].map((key) => ({ type: "delete", key }));
  }

  async #read(user: string): Promise<{ factors: SecondFactors; revision: string | undefined }> {
    const item = await this.#backend.find(factorsKey(user));
    if (!item) return { factors: noSecondFactors, revision: undefined };
    const factors = JSON.parse(new TextDecoder().decode(item.value)) as SecondFactors;
    return { factors, revision: item.revision };
  }

  /** Tells a credential that is taken from a write that merely came too late. */
  async #assertFree(before: SecondFactors, after: SecondFactors): Promise<void> {
    for (const credential of addedBy(before, after)) {
      if (!(await this.#backend.find(credentialKey(credential)))) continue;
      throw keyIsTaken();
    }
  }
}

/** The refusal of a credential that somebody has registered. */
export function keyIsTaken(): Fault {
  return new Fault("already-exists", "this security key is registered already", {
    hint: "use another one; a key belongs to one user of the cluster, once",
  });
}

function operationsOf(
  user: string,
  before: SecondFactors,
  revision: string | undefined,
  after: SecondFactors,
): Operation[] {
  const value = utf8(JSON.stringify(after));
  const condition = revision === undefined ? "absent" : { revision };
  return [
    { type: "put", key: factorsKey(user), value, if: condition },
    ...addedBy(before, after).map(
      (id): Operation => ({
        type: "put",
        key: credentialKey(id),
        value: utf8(user),
        if: "absent",
      }),
    ),
    ...addedBy(after, before).map((id): Operation => ({ type: "delete", key: credentialKey(id) })),
  ];
}

function credentialsOf({ devices }: SecondFactors): string[] {
  return devices.flatMap((device) => (device.type === "webauthn" ? [device.credentialId] : []));
}

function addedBy(before: SecondFactors, after: SecondFactors): string[] {
  const known = credentialsOf(before);
  return credentialsOf(after).filter((id) => !known.includes(id));
}

function factorsKey(user: string): string {
  return formatKey("second-factors", user);
}

/** Hashed, because authenticators choose the id: up to 1023 bytes. */
function credentialKey(credentialId: string): string {
  return formatKey("webauthn-credentials", hex(createHash("sha256").update(credentialId).digest()));
}
