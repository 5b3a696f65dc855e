/**
 * PostgreSQL for a person: the agent speaks the start-up with both sides (manual 55.2.1), and logs in to the server with a
 * certificate made for this connection. After that bytes pass as they are, and every statement is reported.
 */
import type { Duplex } from "node:stream";
import { type Fault, isFault } from "#base/fault.ts";
import {
  encodeAuthenticationOk,
  encodeMessage,
  encodeNegotiateVersion,
  serverTypes,
} from "#dbwire/postgres/messages.ts";
import { encodeFatalOf } from "#dbwire/postgres/refusal.ts";
import { MessageScanner } from "#dbwire/postgres/scanner.ts";
import type { StartupPacket } from "#dbwire/postgres/startup.ts";
import { StatementWatch } from "#dbwire/postgres/statements.ts";
import type { Engine } from "../accept.ts";
import type { DatabaseContext } from "../context.ts";
import { endSoon, endWith, relay } from "../relay.ts";
import { serverGone } from "../server.ts";
import { type DatabaseSession, longestQuery } from "../session.ts";
import { CancelKeys } from "./cancel-keys.ts";
import { readClientStartup } from "./client-startup.ts";
import { protocolOption, serverParameters } from "./parameters.ts";
import { openServer, type ServerSession } from "./server-session.ts";

type Startup = Extract<StartupPacket, { kind: "startup" }>;

/** The engine of PostgreSQL. */
export class PostgresEngine implements Engine {
  readonly #context: DatabaseContext;
  readonly #keys: CancelKeys;

  constructor(context: DatabaseContext) {
    this.#context = context;
    this.#keys = new CancelKeys(context);
  }

  async serve(stream: Duplex, session: DatabaseSession): Promise<void> {
    const packet = await readClientStartup(stream);
    if (packet.kind === "cancel") {
      await this.#keys.cancel(packet.key);
      stream.end();
      return;
    }
    const user = packet.parameters.get("user") ?? "";
    const database = packet.parameters.get("database") || user;
    await session.authorize({ user, database });
    const server = await this.#logIn(session, packet, { user, database });
    try {
      await this.#run(stream, session, packet, server);
    } finally {
      endSoon(server.socket);
    }
  }

  refuse(stream: Duplex, reason: Fault): void {
    stream.end(encodeFatalOf(reason));
  }

  /** Clients send the wish to end a query in the open, and without saying who they are: the key is what counts. */
  async serveStranger(stream: Duplex): Promise<void> {
    const packet = await readClientStartup(stream);
    if (packet.kind === "cancel") await this.#keys.cancel(packet.key);
  }

  async #logIn(
    session: DatabaseSession,
    { parameters }: Startup,
    { user, database }: { readonly user: string; readonly database: string },
  ): Promise<ServerSession> {
    try {
      const asked = serverParameters(parameters, session.route.roles);
      asked.set("user", user).set("database", database);
      const credential = await session.credential();
      const authorities = this.#context.feed.view.databaseAuthorities;
      return await openServer({ database: session.database, authorities, credential }, asked);
    } catch (error) {
      // What auth refused is written down already.
      throw isFault(error) && error.audit["refusal_id"] !== undefined
        ? error
        : await session.refused(error);
    }
  }

  async #run(
    stream: Duplex,
    session: DatabaseSession,
    packet: Startup,
    server: ServerSession,
  ): Promise<void> {
    const { socket } = server;
    let lastType = 0;
    const answers = new MessageScanner(everyType, 0, (type) => {
      lastType = type;
    });
    const cut = (reason: Fault) => {
      socket.destroy();
      // A server looks at its connection when a query is over, and this one must not go on until then.
      void this.#keys.end(session.database, server.key);
      // In the middle of a message nothing can be said: the client sees the end of the connection.
      endWith(stream, answers.atBoundary ? encodeFatalOf(reason) : undefined);
    };
    await session.begin(cut);
    const [key, forget] = this.#keys.add(session.database, server.key);
    try {
      stream.write(greeting(packet, server, key));
      const statements = new StatementWatch(longestQuery, (text) => session.query(text));
      const end = await relay(stream, socket, {
        fromClient(chunk) {
          session.touch();
          statements.push(chunk);
        },
        fromServer(chunk) {
          session.touch();
          answers.push(chunk);
          statements.fromServer(chunk);
        },
        room: () => session.room(),
      });
      if (session.isCut) return;
      if ("error" in end) throw end.error;
      // A server that explained itself has said enough.
      const unexplained = answers.atBoundary && lastType !== serverTypes.error;
      if (end.by === "server" && unexplained && !stream.readableEnded) throw serverGone();
      stream.end();
    } finally {
      forget();
    }
  }
}

const everyType: ReadonlySet<number> = new Set(Array.from({ length: 256 }, (_, type) => type));

/** All that the server said at its start, with our key in place of its own. */
function greeting({ minor, parameters }: Startup, server: ServerSession, key: Buffer): Buffer {
  const options = [...parameters.keys()].filter((name) => name.startsWith(protocolOption));
  const newer = minor > 0 || options.length > 0;
  return Buffer.concat([
    ...(newer ? [encodeNegotiateVersion(options)] : []),
    encodeAuthenticationOk(),
    ...server.notices,
    encodeMessage(serverTypes.backendKey, key),
    server.ready,
  ]);
}
