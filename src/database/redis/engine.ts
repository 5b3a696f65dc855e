/**
 * Redis for a person. The server takes TLS with the agent's certificate and knows nothing of who is behind it, so the agent
 * logs in as the database user (AUTH), and lets no client log in as anybody else. Every command is reported.
 */
import type { Duplex } from "node:stream";
import { type Fault, isFault } from "#base/fault.ts";
import { CommandWatch } from "#dbwire/redis/commands.ts";
import { encodeErrorOf, ReplyWatch } from "#dbwire/redis/replies.ts";
import type { Engine } from "../accept.ts";
import type { DatabaseContext } from "../context.ts";
import { endSoon, endWith, relay } from "../relay.ts";
import { serverGone } from "../server.ts";
import { type DatabaseSession, longestQuery } from "../session.ts";
import { assertServed } from "./served.ts";
import { openServer } from "./server-session.ts";

/** The engine of Redis. */
export class RedisEngine implements Engine {
  readonly #context: DatabaseContext;

  constructor(context: DatabaseContext) {
    this.#context = context;
  }

  async serve(stream: Duplex, session: DatabaseSession): Promise<void> {
    const { username: user } = session.route;
    await session.authorize({ user, database: undefined });
    const server = await this.#logIn(session, user);
    try {
      await this.#run(stream, session, server);
    } finally {
      endSoon(server);
    }
  }

  refuse(stream: Duplex, reason: Fault): void {
    stream.end(encodeErrorOf(reason));
  }

  async #logIn(session: DatabaseSession, user: string): Promise<Duplex> {
    try {
      const credential = await session.credential();
      const authorities = this.#context.feed.view.databaseAuthorities;
      return await openServer({ database: session.database, authorities, credential }, user);
    } catch (error) {
      // What auth refused is written down already.
      throw isFault(error) && error.audit["refusal_id"] !== undefined
        ? error
        : await session.refused(error);
    }
  }

  async #run(stream: Duplex, session: DatabaseSession, server: Duplex): Promise<void> {
    const replies = new ReplyWatch(() => {});
    await session.begin((reason) => {
      server.destroy();
      // In the middle of a reply nothing can be said: the client sees the end of the connection.
      endWith(stream, replies.atBoundary ? encodeErrorOf(reason) : undefined);
    });
    const commands = new CommandWatch(longestQuery, (command) => {
      assertServed(command);
      session.query(command.words.join(" ") + (command.cut ? " … (cut)" : ""));
    });
    const end = await relay(stream, server, {
      fromClient(chunk) {
        session.touch();
        commands.push(chunk);
      },
      fromServer(chunk) {
        session.touch();
        replies.push(chunk);
      },
      room: () => session.room(),
    });
    if (session.isCut) return;
    if ("error" in end) throw end.error;
    if (end.by === "server" && replies.atBoundary && !stream.readableEnded) {
      throw serverGone();
    }
    stream.end();
  }
}
