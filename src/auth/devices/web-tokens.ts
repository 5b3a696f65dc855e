/**
 * The tokens of web authentications in the store, by the hash of their words. Whoever takes one out has it alone: the
 * checks of `#devicetrust/web-token.ts` come after that, so what they refuse is spent all the same. Somebody who knows
 * the id of a token and not its words can spend nothing.
 */
import { formatKey } from "#backend/key.ts";
import type { Backend } from "#backend/port.ts";
import { utf8 } from "#base/bytes.ts";
import type { Random } from "#base/random.ts";
import type { Secret } from "#base/secret.ts";
import {
  type ConfirmationRecord,
  createWebTokenSecret,
  hashWebToken,
  isPossibleToken,
  type WebTokenRecord,
} from "#devicetrust/web-token.ts";

/** What the store works with. */
export interface WebTokenContext {
  readonly backend: Backend;
  readonly random: Random;
}

/** A record outlives its token by so much, so that the audit log can tell "expired" from "unknown". */
const keptMs = 5 * 60_000;

/** Tokens of one kind. */
class OneTimeTokens<T extends { readonly expires: Date }> {
  readonly #context: WebTokenContext;
  readonly #folder: string;

  constructor(context: WebTokenContext, folder: string) {
    this.#context = context;
    this.#folder = folder;
  }

  /** Stores a record and gives the words that lead to it. */
  async add(record: T): Promise<Secret> {
    const { backend, random } = this.#context;
    const { token, hash } = createWebTokenSecret(random);
    const expires = new Date(record.expires.getTime() + keptMs);
    await backend.create(this.#keyOf(hash), utf8(JSON.stringify(record)), { expires });
    return token;
  }

  /** Takes the record behind a token out; undefined when nobody can have it any more. */
  async take(presented: { readonly id: string; readonly token: string }): Promise<T | undefined> {
    if (!isPossibleToken(presented)) return undefined;
    const { backend } = this.#context;
    const item = await backend.find(this.#keyOf(hashWebToken(presented.token)));
    if (item === undefined || !(await backend.delete(item.key))) return undefined;
    const stored = JSON.parse(new TextDecoder().decode(item.value)) as T & { expires: string };
    return { ...stored, expires: new Date(stored.expires) };
  }

  #keyOf(hash: string): string {
    return formatKey("devices", this.#folder, hash);
  }
}

/** What a login gives to the browser. */
export class WebTokens extends OneTimeTokens<WebTokenRecord> {
  constructor(context: WebTokenContext) {
    super(context, "web-tokens");
  }
}

/** What a device gets for the browser. */
export class ConfirmationTokens extends OneTimeTokens<ConfirmationRecord> {
  constructor(context: WebTokenContext) {
    super(context, "confirmation-tokens");
  }
}
