/**
 * What both ceremonies share: a challenge that is bound to its stream, answered once, and soon.
 */
import { createHash } from "node:crypto";
import { concat, utf8 } from "#base/bytes.ts";
import type { Random } from "#base/random.ts";
import { type Ceremony, refuseCeremony } from "./refusal.ts";

/** What a challenge is bound to. */
export interface ChallengeBinding {
  readonly ceremony: Ceremony;
  readonly deviceId: string;
  /** SubjectPublicKeyInfo of the TLS client certificate of the stream. */
  readonly channelKey: Uint8Array;
}

const domain = "gatehouse device challenge v1\0";
const randomBytes = 32;

/**
 * Makes the 32 bytes that the device signs or quotes. To the client they are opaque; that they are a hash over the
 * channel, the device and the ceremony makes an answer useless anywhere else.
 */
export function deriveChallenge(binding: ChallengeBinding, random: Random): Uint8Array {
  const channel = createHash("sha256").update(binding.channelKey).digest();
  const context = utf8(`${binding.ceremony}\0${binding.deviceId}`);
  const input = concat(utf8(domain), random(randomBytes), channel, context);
  return new Uint8Array(createHash("sha256").update(input).digest());
}

/** Holds what the server must remember between its challenge and the answer. Opaque to its holder. */
export class PendingChallenge<State> {
  readonly #ceremony: Ceremony;
  readonly #expires: number;
  #state: State | undefined;

  constructor(ceremony: Ceremony, state: State, now: Date, ttlMs: number) {
    this.#ceremony = ceremony;
    this.#state = state;
    this.#expires = now.getTime() + ttlMs;
  }

  /** Gives the state once; refuses a second answer and a late one. */
  take(now: Date): State {
    const state = this.#state;
    this.#state = undefined;
    if (state === undefined) {
      throw refuseCeremony(this.#ceremony, "challenge_spent", "the challenge was answered before");
    }
    if (now.getTime() > this.#expires) {
      throw refuseCeremony(this.#ceremony, "challenge_expired", "the answer came too late");
    }
    return state;
  }
}
