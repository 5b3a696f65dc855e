/**
 * One session of a person at a database, whatever its protocol: whether it may begin, what the audit log hears of it, and
 * when it must end. The protocol itself is an engine's business.
 */
import { decideAccess } from "#access/decide-access.ts";
import { refusalFault } from "#access/decision.ts";
import { begunIdentity } from "#access/running-session.ts";
import type { SessionOptions } from "#access/session-options.ts";
import { type AccessTarget, type DatabaseLogin, databaseTarget } from "#access/target.ts";
import { Liveness } from "#agent/liveness.ts";
import type { DeviceHold } from "#api/followed-devices.ts";
import { actorOf } from "#audit/actor.ts";
import { explained, refusalFields } from "#audit/refusal.ts";
import { Fault, isFault, messageOf } from "#base/fault.ts";
import { uuid } from "#base/random.ts";
import type { DatabaseRoute, UserIdentity } from "#identity/identity.ts";
import type { Database } from "#resource/database.ts";
import { mergeLabels } from "#resource/dynamic-labels.ts";
import type { DatabaseContext } from "./context.ts";
import type { DatabaseCredential } from "./credential.ts";

/** Bytes of a query that the audit log keeps. */
export const longestQuery = 8192;

/** A person who came to a database. */
export interface Visitor {
  readonly identity: UserIdentity;
  /** The certificate that the identity is from, in DER. */
  readonly certificate: Uint8Array;
  readonly clientAddress: string;
  readonly route: DatabaseRoute;
}

/** Ends the connection of a session; the person reads why, where the protocol has words for it. */
export type Cut = (reason: Fault) => void;

/** One session. Call {@link end} when its connection is over, however far it came. */
export class DatabaseSession {
  readonly database: Database;
  readonly #context: DatabaseContext;
  readonly #visitor: Visitor;
  readonly #id = uuid();
  #login: DatabaseLogin = { user: "", database: undefined, roles: [] };
  #queries = 0;
  #began: Date | undefined;
  #liveness: Liveness | undefined;
  /** What the cluster knows of the person's device, for posture rules. */
  #device: DeviceHold | undefined;
  #leaveReview = () => {};
  #keepsText = true;
  #isCut = false;

  constructor(context: DatabaseContext, visitor: Visitor, database: Database) {
    this.#context = context;
    this.#visitor = visitor;
    this.database = database;
  }

  /** Database user and database that the certificate was asked for; each may be empty. */
  get route(): DatabaseRoute {
    return this.#visitor.route;
  }

  /** Decides about a login. Throws the refusal once it is written down. */
  async authorize(login: Pick<DatabaseLogin, "user" | "database">): Promise<void> {
    const { route, identity, clientAddress } = this.#visitor;
    this.#login = { ...login, roles: route.roles };
    try {
      if (route.username !== "" && route.username !== login.user) {
        throw new Fault(
          "access-denied",
          `the certificate is for database user "${route.username}", not for "${login.user}"`,
          {
            hint: `ask for another with: tsh db login --db-user=${login.user} ${route.serviceName}`,
          },
        );
      }
      this.#device ??= this.#context.feed.holdDevice(identity);
      await this.#device.known();
      const decision = decideAccess({
        identity,
        target: this.#target(),
        policy: this.#context.feed.view.policy,
        now: this.#context.clock.now(),
        clientIp: clientAddress,
      });
      if (!decision.allowed) throw refusalFault(decision.reason);
      this.#keepsText = !decision.roleSet.roles.some(
        ({ spec }) => spec.options.db_audit?.omit_query_text === true,
      );
    } catch (error) {
      throw await this.refused(error);
    }
  }

  /** Writes down why there is no session. Gives the fault with the id under which it can be explained. */
  async refused(error: unknown): Promise<unknown> {
    const { events, logger } = this.#context;
    try {
      const id = await events.record("db.session.start", {
        ...this.#fields(),
        ...(isFault(error) ? refusalFields(error) : {}),
        success: false,
        error: messageOf(error),
      });
      return explained(error, id);
    } catch (failure) {
      logger.error("a refusal could not be written to the audit log", { error: failure });
      return error;
    }
  }

  /** A certificate for the server. Throws the refusal of auth once it is written down. */
  async credential(): Promise<DatabaseCredential> {
    const { certificate, clientAddress } = this.#visitor;
    const { user, database = "" } = this.#login;
    const service = this.database.metadata.name;
    try {
      return await this.#context.issue({ service, user, database, certificate, clientAddress });
    } catch (error) {
      throw await this.refused(error);
    }
  }

  /** True when the session was ended from here, and the person was told. */
  get isCut(): boolean {
    return this.#isCut;
  }

  /** The session begins: nothing of the person may pass before this resolves. Throws what forbids it after all. */
  async begin(cut: Cut): Promise<void> {
    const { events, review, clock, startTimer } = this.#context;
    const end = (reason: Fault) => {
      if (this.#isCut) return;
      this.#isCut = true;
      cut(reason);
    };
    this.#began = clock.now();
    await events.record("db.session.start", { ...this.#fields(), success: true });
    this.#liveness = new Liveness(startTimer, {
      ping: () => Promise.resolve(),
      end: () => end(new Fault("canceled", this.#idleMessage())),
    });
    this.#leaveReview = review.add({
      describe: () => ({
        identity: begunIdentity(this.#visitor.identity),
        target: this.#target(),
        clientIp: this.#visitor.clientAddress,
      }),
      goesOn: (options) => this.#apply(options),
      end: ({ code, message, hint }) =>
        end(new Fault(code, message, hint === undefined ? {} : { hint })),
    });
  }

  /** Something passed. */
  touch(): void {
    this.#liveness?.touch();
  }

  /** Reports what the person has the server do, before the server hears of it. */
  query(text: string): void {
    this.#queries++;
    const db_query = this.#keepsText ? text : "";
    this.#context.events.reportKept(
      "db.session.query",
      { ...this.#fields(), db_query },
      this.#queries,
    );
  }

  /** Resolves when the audit log has caught up; undefined while it has room. */
  room(): Promise<void> | undefined {
    return this.#context.events.room();
  }

  /** The session is over. */
  end(): void {
    this.#leaveReview();
    this.#device?.release();
    this.#liveness?.close();
    const { events, clock } = this.#context;
    if (this.#began === undefined) return;
    events.report(
      "db.session.end",
      {
        ...this.#fields(),
        session_start: this.#began.toISOString(),
        session_stop: clock.now().toISOString(),
      },
      this.#queries + 1,
    );
    this.#began = undefined;
  }

  #apply({ idleTimeoutMs }: SessionOptions): void {
    this.#liveness?.apply({ idleTimeoutMs, keepAliveMs: 0, keepAliveCount: 0 });
  }

  #idleMessage(): string {
    const { networking } = this.#context.feed.view;
    return networking.spec.idle_timeout_message || "the session was idle for too long";
  }

  /** Labels change, and a database may be served no longer. */
  #target(): AccessTarget {
    const { name } = this.database.metadata;
    const database = this.#context.served.find(name);
    if (database === undefined) {
      throw new Fault("not-found", `the database "${name}" is not served here any more`);
    }
    const labels = mergeLabels(database.metadata.labels, database.spec.dynamic_labels);
    return databaseTarget({ name, labels, hostId: this.#context.hostId }, this.#login);
  }

  #fields() {
    const { identity, clientAddress } = this.#visitor;
    const { metadata, spec } = this.database;
    const { user, database } = this.#login;
    return {
      ...actorOf(identity),
      "addr.remote": clientAddress,
      sid: this.#id,
      server_id: this.#context.hostId,
      db_service: metadata.name,
      db_protocol: spec.protocol,
      db_uri: spec.uri,
      db_user: user,
      ...(database === undefined ? {} : { db_name: database }),
    };
  }
}
