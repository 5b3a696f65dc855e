/**
 * Questions to the API of an MDM with a bearer token: the token is renewed before it ends, and once when the MDM refuses
 * it; what passes by itself is tried again. Secrets stay in {@link Secret} until they are sent, and no error shows what
 * an MDM answered.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Clock } from "#base/clock.ts";
import { Fault, isFault } from "#base/fault.ts";
import type { Closable } from "#base/lifecycle.ts";
import type { Logger } from "#base/log.ts";
import type { Random } from "#base/random.ts";
import { Secret } from "#base/secret.ts";
import type { Http, HttpAnswer, HttpRequest } from "./https.ts";
import { waitBeforeRetry } from "./retry.ts";

/** Waits so many milliseconds; rejects when the signal aborts. */
export type Sleep = (ms: number, signal: AbortSignal) => Promise<void>;

/** Waits by the clock of the machine. */
export const systemSleep: Sleep = (ms, signal) => delay(ms, undefined, { signal });

/** A bearer token. */
export interface BearerToken {
  readonly token: Secret;
  readonly expires: Date;
}

/** The parts of a session that are the same for every MDM. */
export interface SessionParts {
  readonly http: Http;
  readonly clock: Clock;
  readonly random: Random;
  readonly sleep: Sleep;
  readonly logger: Logger;
}

/** What a session works with. */
export interface SessionOptions extends SessionParts {
  /** Name of the MDM in messages: "Jamf Pro". */
  readonly mdm: string;
  /** The request for a token, and how its answer is read. Throws when the answer is no token. */
  readonly tokenRequest: () => HttpRequest;
  readonly readToken: (answer: unknown, now: Date) => BearerToken;
  /** What the credentials must be allowed to do, for the hint of a refusal. */
  readonly privileges: string;
}

/** A token is renewed so long before it ends, or at three quarters of a short life. */
const marginMs = 30_000;

/** Asks an MDM. */
export class MdmSession implements Closable {
  readonly #options: SessionOptions;
  #token: { readonly current: BearerToken; readonly renewAt: number } | undefined;
  #obtaining: Promise<BearerToken> | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  /** The answer to a GET, parsed; undefined when there is no such thing. */
  async get(url: URL, signal: AbortSignal): Promise<unknown> {
    const first = await this.#getToken(signal);
    let answer = await this.#getWith(first, url, signal);
    if (answer.status === 401) {
      const { logger, mdm } = this.#options;
      logger.info("the MDM refuses the token, asking for another", { mdm });
      if (this.#token?.current === first) this.#token = undefined;
      answer = await this.#getWith(await this.#getToken(signal), url, signal);
    }
    if (answer.status === 404) return undefined;
    if (answer.status !== 200) throw this.#refused(answer.status, "the question");
    return this.#parse(answer);
  }

  async close(): Promise<void> {
    this.#token = undefined;
    this.#options.http.close();
  }

  #getWith({ token }: BearerToken, url: URL, signal: AbortSignal): Promise<HttpAnswer> {
    const headers = { accept: "application/json", authorization: `Bearer ${token.reveal()}` };
    return this.#send({ method: "GET", url, headers }, signal);
  }

  /** The token; whoever needs another at the same time waits for the same. */
  #getToken(signal: AbortSignal): Promise<BearerToken> {
    const now = this.#options.clock.now().getTime();
    if (this.#token && this.#token.renewAt > now) return Promise.resolve(this.#token.current);
    this.#obtaining ??= this.#obtainToken(signal).finally(() => {
      this.#obtaining = undefined;
    });
    return this.#obtaining;
  }

  async #obtainToken(signal: AbortSignal): Promise<BearerToken> {
    const { clock, tokenRequest, readToken } = this.#options;
    const answer = await this.#send(tokenRequest(), signal);
    if (answer.status !== 200) throw this.#refused(answer.status, "the credentials");
    const now = clock.now();
    const current = readToken(this.#parse(answer), now);
    const life = current.expires.getTime() - now.getTime();
    const renewAt = now.getTime() + Math.max(life - marginMs, (life * 3) / 4);
    this.#token = { current, renewAt };
    return current;
  }

  /** Sends until there is an answer that waiting would not change. */
  async #send(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const { http, clock, random, sleep, logger, mdm } = this.#options;
    for (let number = 1; ; number++) {
      const { answer, error } = await http.send(request, signal).then(
        (answered) => ({ answer: answered, error: undefined }),
        (failed: unknown) => ({ answer: undefined, error: failed }),
      );
      if (error !== undefined && !isFault(error, "unavailable", "timeout")) throw error;
      const { status, retryAfter } = answer ?? {};
      const [byte = 0] = random(1);
      const wait = waitBeforeRetry({ number, status, retryAfter }, clock.now(), byte / 255);
      if (wait === undefined) {
        if (answer === undefined) throw error;
        return answer;
      }
      logger.warn("the MDM does not answer now, trying again", {
        mdm,
        attempt: number,
        waitMs: wait,
        ...(status === undefined ? { error } : { status }),
      });
      await sleep(wait, signal).catch((cause: unknown) => {
        throw new Fault("canceled", "the service stops", { cause });
      });
    }
  }

  #parse({ body }: HttpAnswer): unknown {
    try {
      return JSON.parse(body) as unknown;
    } catch (cause) {
      // The cause quotes the answer, which may hold a token.
      void cause;
      throw new Fault("malformed", `${this.#options.mdm} answered something that is no JSON`);
    }
  }

  #refused(status: number, what: string): Fault {
    const { mdm, privileges } = this.#options;
    if (status >= 300 && status < 400) {
      return new Fault(
        "malformed",
        `${mdm} sends elsewhere (HTTP ${status}), which is not followed`,
        {
          hint: "set api_endpoint to the address that answers itself",
        },
      );
    }
    if (status === 400 || status === 401 || status === 403) {
      return new Fault("access-denied", `${mdm} refuses ${what} (HTTP ${status})`, {
        hint: `check the credentials and their privileges: ${privileges}`,
      });
    }
    if (status === 429) {
      return new Fault("limit", `${mdm} asks for more patience than a run has (HTTP 429)`);
    }
    return new Fault("unavailable", `${mdm} failed (HTTP ${status})`);
  }
}

/** A token that can be sent in a header, and lives for `lifeMs`. Throws `malformed` for anything else. */
export function bearerToken(token: unknown, lifeMs: number, now: Date, mdm: string): BearerToken {
  const sound = typeof token === "string" && token.length <= 16_384 && /^[\w.~+/=-]+$/.test(token);
  if (!sound || !(lifeMs > 0)) {
    throw new Fault("malformed", `${mdm} answered no token, or one without an end`);
  }
  const life = Math.min(lifeMs, 24 * 3_600_000);
  return { token: new Secret(token), expires: new Date(now.getTime() + life) };
}
