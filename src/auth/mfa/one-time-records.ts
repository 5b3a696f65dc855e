/**
 * Things that may be used once, by one user, for one purpose, and soon: open challenges and open registrations. Taking
 * one out deletes it, so of two who try, one gets it. A user has a bounded number of them: the oldest makes room.
 */
import { createHash } from "node:crypto";
import { formatKey, formatPrefix } from "#backend/key.ts";
import type { Backend, Item } from "#backend/port.ts";
import { hex, utf8 } from "#base/bytes.ts";
import type { Clock } from "#base/clock.ts";

const lifetimeMs = 5 * 60_000;
const mostOpen = 32;

/** Records of one folder of the store. `T` goes through JSON. */
export class OneTimeRecords<T> {
  readonly #backend: Backend;
  readonly #clock: Clock;
  readonly #folder: string;

  constructor(backend: Backend, clock: Clock, folder: string) {
    this.#backend = backend;
    this.#clock = clock;
    this.#folder = folder;
  }

  /** Keeps a record for five minutes. `id` is unique; whoever knows it, or the purpose alone, may take it. */
  async add(user: string, purpose: string, id: string, value: T): Promise<void> {
    const { items } = await this.#backend.range({ prefix: this.#prefix(user, purpose) });
    const soonest = [...items].sort((a, b) => expiryOf(a) - expiryOf(b));
    for (const item of soonest.slice(0, Math.max(0, items.length - mostOpen + 1))) {
      await this.#backend.delete(item.key);
    }
    const expires = new Date(this.#clock.now().getTime() + lifetimeMs);
    const key = this.#key(user, purpose, id);
    await this.#backend.create(key, utf8(JSON.stringify(value)), { expires });
  }

  /** Takes the record with this id out, or gives undefined when there is none any more. */
  async take(user: string, purpose: string, id: string): Promise<T | undefined> {
    const item = await this.#backend.find(this.#key(user, purpose, id));
    return item && (await this.#spend(item));
  }

  /** Takes any record of this purpose out: for answers that do not say which one they answer. */
  async takeAny(user: string, purpose: string): Promise<T | undefined> {
    const { items } = await this.#backend.range({ prefix: this.#prefix(user, purpose) });
    for (const item of items) {
      const value = await this.#spend(item);
      if (value !== undefined) return value;
    }
    return undefined;
  }

  async #spend(item: Item): Promise<T | undefined> {
    if (!(await this.#backend.delete(item.key))) return undefined;
    return JSON.parse(new TextDecoder().decode(item.value)) as T;
  }

  #prefix(user: string, purpose: string): string {
    return formatPrefix(this.#folder, digest(user), purpose);
  }

  #key(user: string, purpose: string, id: string): string {
    return formatKey(this.#folder, digest(user), purpose, digest(id));
  }
}

function expiryOf({ expires }: Item): number {
  return expires?.getTime() ?? 0;
}

/** Bounded, whatever a client sends. */
function digest(text: string): string {
  return hex(createHash("sha256").update(text).digest());
}
