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
/** What a hash costs: argon2id's memory in KiB and its passes over it. */
export interface PasswordCost {
  readonly memory: number;
  readonly passes: number;
}

/** The recommendation of OWASP; nothing cheaper is for use. */
const standardCost: PasswordCost = { memory: 19_456, passes: 2 };
const parallelism = 1;
const tagLength = 32;
const minimumLength = 12;
const maximumLength = 1024;
const running = 2;
const waiting = 64;

/** Hashes and verifies passwords, a few at a time. */
export class PasswordHasher {
  readonly #random: Random;
  readonly #cost: PasswordCost;
  readonly #decoy: string;
  readonly #queue: (() => void)[] = [];
  #active = 0;

  /** Another `cost` is for tests, which hash by the hundred. */
  constructor(random: Random, cost: PasswordCost = standardCost) {
    this.#random = random;
    this.#cost = cost;
    this.#decoy = format(cost, random(16), random(tagLength));
  }

  /** The PHC text of a new password. Throws `invalid` when it is too short or too long. */
  async hash(password: string): Promise<string> {
    assertAcceptable(password);
    const salt = this.#random(16);
    return format(this.#cost, salt, await this.#derive(password, salt));
  }

  /**
   * Whether `password` belongs to `stored`. Without a stored hash the answer is false, at the same cost.
   * Throws `limit` when too many verifications wait already.
   */
  async verify(password: string, stored: string | undefined): Promise<boolean> {
    const { salt, tag } = parse(this.#cost, stored ?? this.#decoy);
    const usable = password.length > 0 && password.length <= maximumLength;
    const derived = await this.#derive(usable ? password : "-", salt);
    return sameBytes(derived, tag) && usable && stored !== undefined;
  }

  async #derive(password: string, salt: Uint8Array): Promise<Uint8Array> {
    await this.#enter();
    try {
      const input = { message: utf8(password), nonce: salt };
      const tag = await derive("argon2id", { ...this.#cost, parallelism, tagLength, ...input });
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

function format(cost: PasswordCost, salt: Uint8Array, tag: Uint8Array): string {
  const encode = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64").replaceAll("=", "");
  return `$argon2id$v=19$${costText(cost)}$${encode(salt)}$${encode(tag)}`;
}

function costText({ memory, passes }: PasswordCost): string {
  return `m=${memory},t=${passes},p=${parallelism}`;
}

/** Only one cost is ever written, so only that one is read. */
function parse(cost: PasswordCost, text: string): { salt: Uint8Array; tag: Uint8Array } {
  const [, algorithm, version, costs, salt, tag] = text.split("$");
  const known = costText(cost);
  if (algorithm !== "argon2id" || version !== "v=19" || costs !== known || !salt || !tag) {
    throw new Fault("internal", "a stored password hash has an unknown form");
  }
  return { salt: Buffer.from(salt, "base64"), tag: Buffer.from(tag, "base64") };
}
