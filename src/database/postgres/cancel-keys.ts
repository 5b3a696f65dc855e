/**
 * Ends queries on behalf of clients (manual 55.2.8). Clients get a key of ours and never the server's; a key is good as
 * long as its session lasts, and it is all that a client shows: guesses are slowed down.
 */
import type { Random } from "#base/random.ts";
import { newCancelKey } from "#dbwire/postgres/cancel-key.ts";
import { encodeCancel } from "#dbwire/postgres/startup.ts";
import type { Database } from "#resource/database.ts";
import type { DatabaseContext } from "../context.ts";
import { secureSession } from "./server-session.ts";

interface Held {
  readonly database: Database;
  /** The server's own key. */
  readonly key: Buffer;
}

/** A wrong key costs its sender this long, and only so many may be wrong at once. */
const wrongKeyMs = 1000;
const mostWrong = 32;

/** The keys of the sessions that are open. */
export class CancelKeys {
  readonly #context: Pick<DatabaseContext, "hostId" | "feed" | "logger" | "startTimer"> & {
    readonly random: Random;
  };
  readonly #keys = new Map<string, Held>();
  #wrong = 0;

  constructor(context: DatabaseContext) {
    this.#context = context;
  }

  /** Makes the key of a session; the function that it gives back makes it worthless. */
  add(database: Database, key: Buffer): [key: Buffer, forget: () => void] {
    const own = newCancelKey(this.#context.hostId, this.#context.random);
    const name = own.toString("hex");
    this.#keys.set(name, { database, key });
    return [own, () => this.#keys.delete(name)];
  }

  /** Has the server end what runs under the key. Says nothing of whether there was anything, as servers do. */
  async cancel(key: Buffer): Promise<void> {
    const held = this.#keys.get(key.toString("hex"));
    if (held === undefined) return this.#slowDown();
    await this.end(held.database, held.key);
  }

  /** Has the server end what runs in a session, by the server's own key. Never throws: it is logged. */
  async end(database: Database, key: Buffer): Promise<void> {
    if (key.length === 0) return;
    const { feed, logger } = this.#context;
    try {
      const authorities = feed.view.databaseAuthorities;
      const socket = await secureSession({ database, authorities, credential: undefined });
      await new Promise<void>((resolve) => {
        socket.once("close", () => resolve());
        socket.resume();
        socket.end(encodeCancel(key));
      });
    } catch (error) {
      logger.warn("a query could not be cancelled", { error });
    }
  }

  async #slowDown(): Promise<void> {
    if (this.#wrong >= mostWrong) return;
    this.#wrong++;
    await new Promise<void>((resolve) => {
      this.#context.startTimer(wrongKeyMs, resolve);
    });
    this.#wrong--;
  }
}
