/**
 * MySQL and MariaDB for a person: the agent greets the client as a server would, and logs in to the server as the user that the
 * client names, with a certificate made for this connection. After that bytes pass as they are, and every statement is
 * reported. A password that the client sends is not looked at.
 */
import type { Duplex } from "node:stream";
import { type Fault, isFault } from "#base/fault.ts";
import { encodeErrorOf, encodePacket } from "#dbwire/mysql/packets.ts";
import { type Answer, encodeGreeting, parseAnswer } from "#dbwire/mysql/startup.ts";
import { StatementWatch } from "#dbwire/mysql/statements.ts";
import type { Engine } from "../accept.ts";
import type { DatabaseContext } from "../context.ts";
import { endSoon, endWith, relay } from "../relay.ts";
import { serverGone } from "../server.ts";
import { type DatabaseSession, longestQuery } from "../session.ts";
import { openServer, readPacket, type ServerSession } from "./server-session.ts";

/** Told until the version of the server is known. */
const anyVersion = "8.0.0-gatehouse";
const startupMs = 30_000;

/** The engine of MySQL. */
export class MysqlEngine implements Engine {
  readonly #context: DatabaseContext;
  /** Versions of servers by the name of the database, as they greeted last. */
  readonly #versions = new Map<string, string>();
  /** The sequence number of what a client is told next; absent before it has answered. */
  readonly #next = new WeakMap<Duplex, () => number>();
  #connections = 0;

  constructor(context: DatabaseContext) {
    this.#context = context;
  }

  async serve(stream: Duplex, session: DatabaseSession): Promise<void> {
    const { metadata, spec } = session.database;
    const version = spec.mysql?.server_version || this.#versions.get(metadata.name) || anyVersion;
    const salt = this.#context.random(20).map((byte) => (byte % 127) + 1);
    stream.write(encodePacket(0, encodeGreeting(version, ++this.#connections, salt)));
    const { sequence, answer } = await readAnswer(stream);
    this.#next.set(stream, () => sequence + 1);
    // Sessions change databases as they like: roles name users only.
    await session.authorize({ user: answer.user, database: undefined });
    const server = await this.#logIn(session, answer);
    this.#versions.set(metadata.name, server.serverVersion);
    try {
      await this.#run(stream, session, server);
    } finally {
      endSoon(server.socket);
    }
  }

  refuse(stream: Duplex, reason: Fault): void {
    const next = this.#next.get(stream);
    stream.end(encodeErrorOf(reason, next?.() ?? 1));
  }

  async #logIn(session: DatabaseSession, answer: Answer): Promise<ServerSession> {
    try {
      const credential = await session.credential();
      const authorities = this.#context.feed.view.databaseAuthorities;
      return await openServer({ database: session.database, authorities, credential }, answer);
    } catch (error) {
      // What auth refused is written down already.
      throw isFault(error) && error.audit["refusal_id"] !== undefined
        ? error
        : await session.refused(error);
    }
  }

  async #run(stream: Duplex, session: DatabaseSession, server: ServerSession): Promise<void> {
    const { socket, ok } = server;
    const statements = new StatementWatch(longestQuery, (text) => session.query(text));
    await session.begin((reason) => {
      socket.destroy();
      // In the middle of a packet nothing can be said: the client sees the end of the connection.
      endWith(
        stream,
        statements.atBoundary ? encodeErrorOf(reason, statements.nextSequence) : undefined,
      );
    });
    stream.write(encodePacket(this.#next.get(stream)?.() ?? 2, ok));
    this.#next.set(stream, () => statements.nextSequence);
    const end = await relay(stream, socket, {
      fromClient(chunk) {
        session.touch();
        statements.fromClient(chunk);
      },
      fromServer(chunk) {
        session.touch();
        statements.fromServer(chunk);
      },
      room: () => session.room(),
    });
    if (session.isCut) return;
    if ("error" in end) throw end.error;
    if (end.by === "server" && statements.atBoundary && !stream.readableEnded) {
      throw serverGone();
    }
    stream.end();
  }
}

async function readAnswer(stream: Duplex): Promise<{ sequence: number; answer: Answer }> {
  const late = setTimeout(() => stream.destroy(), startupMs);
  try {
    const { sequence, body } = await readPacket(stream);
    return { sequence, answer: parseAnswer(body) };
  } finally {
    clearTimeout(late);
  }
}
