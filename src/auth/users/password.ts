/**
 * Password hashes: argon2id (RFC 9106) with 19 MiB, two passes, one lane, in the PHC text form.
 *
 * Hashing runs off the event loop and at most two at a time, with a bounded queue, so that a flood of logins costs
 * the others a refusal and never the machine. A user without a password costs the same time as one with.
 */
import { argon2 } from "node:crypto";
import { promisify } from "node:util";
import { sameBytes, utf8 } from "#base/bytes.ts";
import { Fault } from "#base/fault.ts";
import type { Random } from "#base/random.ts";

const derive = promisify(argon2);
const parameters = { memory: 19_456, passes: 2, parallelism: 1, tagLength: 32 };
const minimumLength = 12;
const maximumLength = 1024;
const running = 2;
const waiting = 64;

/** Hashes and verifies passwords, a few at a time. */
export class PasswordHasher {
  readonly #random: Random;
  readonly #decoy: string;
  readonly #queue: (() => void)[] = [];
  #active = 0;

  constructor(random: Random) {
    this.#random = random;
    this.#decoy = format(random(16), random(parameters.tagLength));
  }

  /** The PHC text of a new password. Throws `invalid` when it is too short or too long. */
  async hash(password: string): Promise<string> {
    assertAcceptable(password);
    const salt = this.#random(16);
    return format(salt, await this.#derive(password, salt));
  }

  /**
   * Whether `password` belongs to `stored`. Without a stored hash the answer is false, at the same cost.
   * Throws `limit` when too many verifications wait already.
   */
  async verify(password: string, stored: string | undefined): Promise<boolean> {
    const { salt, tag } = parse(stored ?? this.#decoy);
    const usable = password.length > 0 && password.length <= maximumLength;
    const derived = await this.#derive(usable ? password : "-", salt);
    return sameBytes(derived, tag) && usable && stored !== undefined;
  }

  async #derive(password: string, salt: Uint8Array): Promise<Uint8Array> {
    await this.#enter();
    try {
      const tag = await derive("argon2id", { ...parameters, message: utf8(password), nonce: salt });
      return new Uint8Array(tag);
    } finally {
      this.#leave();
    }
  }

  async #enter(): Promise<void> {
    if (this.#active < running) {
      this.#active++;
      return;
    }
    if (this.#queue.length >= waiting) {
      throw new Fault("limit", "too many logins at this moment", {
        hint: "try again in a few seconds",
      });
    }
    await new Promise<void>((resolve) => this.#queue.push(resolve));
  }

  #leave(): void {
    const next = this.#queue.shift();
    if (next) next();
    else this.#active--;
  }
}

function assertAcceptable(password: string): void {
  if (password.length < minimumLength) {
    throw new Fault("invalid", `the password needs at least ${minimumLength} characters`);
  }
  if (password.length > maximumLength) {
    throw new Fault("invalid", `the password may have at most ${maximumLength} characters`);
  }
}

function format(salt: Uint8Array, tag: Uint8Array): string {
  const encode = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64").replaceAll("=", "");
  const { memory, passes, parallelism } = parameters;
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${encode(salt)}$${encode(tag)}`;
}

/** Only the parameters above are ever written, so only those are read. */
function parse(text: string): { salt: Uint8Array; tag: Uint8Array } {
  const [, algorithm, version, costs, salt, tag] = text.split("$");
  const { memory, passes, parallelism } = parameters;
  const known = `m=${memory},t=${passes},p=${parallelism}`;
  if (algorithm !== "argon2id" || version !== "v=19" || costs !== known || !salt || !tag) {
    throw new Fault("internal", "a stored password hash has an unknown form");
  }
  return { salt: Buffer.from(salt, "base64"), tag: Buffer.from(tag, "base64") };
}
