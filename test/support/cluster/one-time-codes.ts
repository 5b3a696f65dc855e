/**
 * The authenticator app of a test person (RFC 6238). A cluster accepts a code one period early or late and never twice,
 * so the codes of three periods are good at any moment; only the fourth has to wait for the clock.
 */
import { setTimeout as wait } from "node:timers/promises";
import { Secret, TOTP } from "otpauth";

const periodMs = 30_000;
/** The code of the period before is used only when the period has this long to go. */
const safetyMs = 12_000;

/** Gives each code once. */
export class OneTimeCodes {
  readonly #totp: TOTP;
  #last = 0;

  /** `secret` is base32, as the invitation page and `otpauth://` addresses show it. */
  constructor(secret: string) {
    this.#totp = new TOTP({ secret: Secret.fromBase32(secret), period: periodMs / 1000 });
  }

  /** A code that the cluster accepts now and has not seen. Waits for the clock when there is none yet. */
  async next(): Promise<string> {
    const now = Date.now();
    const current = Math.floor(now / periodMs);
    const oldest = periodMs - (now % periodMs) > safetyMs ? current - 1 : current;
    const counter = Math.max(this.#last + 1, oldest);
    this.#last = counter;
    const early = (counter - 1) * periodMs - now;
    if (early > 0) await wait(early + 50);
    return this.#totp.generate({ timestamp: counter * periodMs });
  }
}
