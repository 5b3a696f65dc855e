/**
 * Enrollment tokens in the store: only their hashes, bound to one device, spent once however many auth services see them.
 * A spent token stays, without use, until it would have expired, so that the audit log can tell it from an unknown one.
 */
import { formatKey, formatPrefix } from "#backend/key.ts";
import type { Backend, Item } from "#backend/port.ts";
import { scanItems } from "#backend/scan.ts";
import { utf8 } from "#base/bytes.ts";
import type { Clock } from "#base/clock.ts";
import { Fault, isFault } from "#base/fault.ts";
import type { Random } from "#base/random.ts";
import {
  createEnrollToken,
  type EnrollToken,
  type EnrollTokenRecord,
  type EnrollTokenRequest,
  findEnrollTokenProblem,
  hashEnrollToken,
  refuseEnrollToken,
} from "#devicetrust/token.ts";

/** A token as it is stored. Its secret is nowhere. */
export interface StoredToken extends EnrollTokenRecord {
  /** Names the token in lists; says nothing about its secret. */
  readonly id: string;
  readonly createdBy: string;
  readonly created: Date;
  readonly spent: boolean;
}

/** What the token store works with. */
export interface TokenContext {
  readonly backend: Backend;
  readonly clock: Clock;
  readonly random: Random;
}

const folder = ["devices", "tokens"] as const;
const ofDevice = ["devices", "tokens-of"] as const;
const idLength = 16;

/** Makes, spends, lists and revokes tokens. */
export class EnrollTokens {
  readonly #context: TokenContext;

  constructor(context: TokenContext) {
    this.#context = context;
  }

  /** Makes a token and stores its hash. Throws `invalid` for an expiry that is not allowed. */
  async create(request: EnrollTokenRequest, createdBy: string): Promise<EnrollToken> {
    const { backend, clock, random } = this.#context;
    const created = clock.now();
    const made = createEnrollToken(request, created, random);
    const { hash, deviceId, expires } = made.record;
    const id = hash.slice(0, idLength);
    const value = encode({ ...made.record, id, createdBy, created, spent: false });
    await backend.atomic([
      { type: "put", key: keyOf(hash), value, expires, if: "absent" },
      { type: "put", key: formatKey(...ofDevice, deviceId, hash), value: utf8(hash), expires },
    ]);
    return made;
  }

  /** The token with this secret, or undefined. */
  async find(token: string): Promise<StoredToken | undefined> {
    const item = await this.#context.backend.find(keyOf(hashEnrollToken(token)));
    return item && decode(item);
  }

  /**
   * Spends a token for a device and a user. Resolves at most once for each token; throws `access-denied`, and the audit
   * reason says what was wrong.
   */
  async spend(
    token: string,
    presented: { readonly deviceId: string; readonly username: string },
  ): Promise<StoredToken> {
    const { backend, clock } = this.#context;
    const item = await backend.find(keyOf(hashEnrollToken(token)));
    const record = item && decode(item);
    const problem = findEnrollTokenProblem(record, presented, clock.now());
    if (problem || !item || !record) throw refuseEnrollToken(problem ?? "unknown");
    if (record.spent) throw refuseEnrollToken("spent");
    try {
      const { key, revision } = item;
      const { expires } = record;
      await backend.update(key, encode({ ...record, spent: true }), revision, { expires });
    } catch (error) {
      // Somebody else has spent or revoked it, or its last moment has passed.
      if (isFault(error, "conflict", "invalid")) throw refuseEnrollToken("spent");
      throw error;
    }
    return record;
  }

  /** The tokens that are still good, of one device or of all. */
  async list(deviceId?: string): Promise<StoredToken[]> {
    const { backend } = this.#context;
    const parts = deviceId === undefined ? folder : [...ofDevice, deviceId];
    const items = await Array.fromAsync(scanItems(backend, { prefix: formatPrefix(...parts) }));
    const found =
      deviceId === undefined
        ? items
        : await Promise.all(items.map(({ value }) => backend.find(keyOf(textOf(value)))));
    const tokens = found.filter((item) => item !== undefined).map(decode);
    return tokens.filter(({ spent }) => !spent);
  }

  /** The token with this id, to be looked at before it is revoked; throws `not-found`. */
  async get(id: string): Promise<StoredToken> {
    const prefix = formatPrefix(...folder) + (/^[0-9a-f]{16}$/.test(id) ? id : "-");
    const { items } = await this.#context.backend.range({ prefix }, { limit: 1 });
    const [token] = items.map(decode);
    if (token && !token.spent) return token;
    throw new Fault("not-found", "there is no such enrollment token", {
      hint: "it may be spent or have expired; those that are out: tctl devices tokens ls",
    });
  }

  /** Makes a token useless; throws `not-found`. */
  async revoke(id: string): Promise<void> {
    await this.#delete(await this.get(id));
  }

  /** Makes all tokens of a device useless. */
  async revokeAll(deviceId: string): Promise<void> {
    for (const token of await this.list(deviceId)) await this.#delete(token);
  }

  async #delete({ hash, deviceId }: StoredToken): Promise<void> {
    await this.#context.backend.atomic([
      { type: "delete", key: keyOf(hash) },
      { type: "delete", key: formatKey(...ofDevice, deviceId, hash) },
    ]);
  }
}

function keyOf(hash: string): string {
  return formatKey(...folder, hash);
}

function encode(token: StoredToken): Uint8Array {
  return utf8(JSON.stringify(token));
}

function decode({ value }: Item): StoredToken {
  const stored = JSON.parse(textOf(value)) as StoredToken & Record<"created" | "expires", string>;
  return { ...stored, created: new Date(stored.created), expires: new Date(stored.expires) };
}

function textOf(value: Uint8Array): string {
  return new TextDecoder().decode(value);
}
