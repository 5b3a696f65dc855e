/**
 * One SSH connection to this node: authentication with the reasons of a refusal in the audit log, channels that are each
 * decided anew, and the review of everything open whenever the rules change.
 */
import type { Duplex } from "node:stream";
import { type Refusal, refusalFault } from "#access/decision.ts";
import type { SessionOptions } from "#access/session-options.ts";
import { Liveness } from "#agent/liveness.ts";
import { explainHint, refusalFields } from "#audit/refusal.ts";
import { parseDuration } from "#base/duration.ts";
import { Fault, isFault, messageOf } from "#base/fault.ts";
import type { AuthenticationAttempt } from "#ssh/auth/server.ts";
import type { Channel } from "#ssh/connection/channel.ts";
import type { ForwardAddress, TcpipChannel } from "#ssh/connection/forward.ts";
import type { ServerSession, SessionHandler } from "#ssh/connection/server-session.ts";
import { ServerConnection } from "#ssh/server.ts";
import type { NodeContext } from "../context.ts";
import type { AgentSockets } from "./agent-socket.ts";
import { Authenticator, showsHints } from "./authenticator.ts";
import { type ClientAddress, formatClientAddress } from "./client-address.ts";
import { clip, loginFields, serverFieldsOf } from "./event-fields.ts";
import { dialTarget, joinSocket } from "./local-forward.ts";
import { assertServed, type Grant, grantOf, type Login, runningSession } from "./login.ts";
import { recordRefusal } from "./refusal-event.ts";
import { RemoteForwards } from "./remote-forward.ts";
import { LoginSession } from "./session.ts";

/** What a connection needs besides the node's own parts. */
export interface ConnectionOptions {
  readonly context: NodeContext;
  readonly agentSockets: AgentSockets;
  readonly remote: ClientAddress;
  /** Connections of a user on this node that hold a grant, this one not counted. */
  readonly countOf: (username: string) => number;
}

/** One connection. Starts to talk when constructed. */
export class NodeConnection {
  /** Resolves when the connection is gone. Never rejects. */
  readonly closed: Promise<void>;
  readonly #options: ConnectionOptions;
  readonly #authenticator: Authenticator;
  readonly #ssh: ServerConnection<Login>;
  readonly #sessions = new Set<LoginSession>();
  readonly #liveness: Liveness;
  #forwards: RemoteForwards | undefined;
  #leaveReview = () => {};
  #login: Login | undefined;
  #granted = false;
  #ended = false;
  #over = false;

  constructor(stream: Duplex, options: ConnectionOptions) {
    this.#options = options;
    const { context, remote } = options;
    this.#authenticator = new Authenticator(context, remote, () => this.#ssh.clientVersion);
    this.#liveness = new Liveness(context.startTimer, {
      ping: () => this.#ssh.ping(),
      end: (why) => this.#endQuietly(why),
    });
    this.#ssh = new ServerConnection<Login>(stream, {
      version: `SSH-2.0-Gatehouse_${context.version}`,
      random: context.random,
      startTimer: context.startTimer,
      hostKeys: context.hostKeys(),
      authentication: {
        decide: (attempt: AuthenticationAttempt, tell) => this.#authenticator.decide(attempt, tell),
        onFailure: (login, reason) => this.#logFailure(login, reason),
      },
      onSession: (session) => this.#openSession(session),
      onDirectTcpip: (_ssh, channel, accept) => this.#dial(channel, accept),
      forward: (ssh) => this.#forwardsOf(ssh),
    });
    this.closed = this.#ssh.closed.then((reason) => this.#gone(reason));
  }

  /** The user whose login has been granted something, or undefined. */
  get grantedUser(): string | undefined {
    return this.#granted && !this.#ended ? this.#login?.identity.username : undefined;
  }

  /** Ends everything at once; the person reads why, and where it was refused, what helps. */
  end(reason: string, refusal?: Refusal): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#leaveReview();
    const id = this.#reportEnd(reason, refusal);
    const hints = refusal === undefined ? [] : [refusal.hint, id && explainHint(id)];
    const lines = hints.flatMap((hint) => hint?.split("\n").map((line) => `hint: ${line}`) ?? []);
    for (const session of [...this.#sessions]) session.cut([reason, ...lines].join("\r\n"));
    this.#forwards?.close();
    this.#ssh.close(reason);
  }

  /** Gives the id of the event; undefined when nobody had logged in. */
  #reportEnd(reason: string, refusal: Refusal | undefined): string | undefined {
    if (this.#login === undefined) return undefined;
    const { context, remote } = this.#options;
    return context.events.report("client.disconnect", {
      ...loginFields(this.#login, formatClientAddress(remote)),
      ...serverFieldsOf(context),
      reason: clip(reason),
      ...(refusal === undefined ? {} : refusalFields(refusalFault(refusal))),
    });
  }

  #decisionContext() {
    const { feed, server, clock } = this.#options.context;
    return { view: feed.view, server: server(), now: clock.now() };
  }

  /** What the login may do now. A refusal is thrown. */
  #grant(): Grant {
    if (this.#ended) throw new Fault("canceled", "the connection is ending");
    return grantOf(this.#ssh.identity, this.#decisionContext());
  }

  async #openSession(session: ServerSession): Promise<SessionHandler> {
    const login = this.#ssh.identity;
    try {
      const { options } = this.#grant();
      this.#checkLimits(login, options);
      this.#begin(login);
    } catch (error) {
      throw this.#told(error, await this.#recordRefusal(login, error));
    }
    const { context, agentSockets, remote } = this.#options;
    const owner = {
      context,
      login,
      remote,
      grant: () => this.#grant(),
      touch: () => this.#liveness.touch(),
      openAgentSocket: (account: Parameters<AgentSockets["open"]>[0]) =>
        agentSockets.open(account, () => this.#ssh.openAgent()),
    };
    const opened: LoginSession = new LoginSession(owner, session, () =>
      this.#sessions.delete(opened),
    );
    this.#sessions.add(opened);
    // The channel is confirmed when this function has returned. A client may close it without a single request.
    setImmediate(() => {
      if (!this.#over) opened.begin();
    });
    return opened;
  }

  #checkLimits(login: Login, { maxSessions, maxConnections }: Grant["options"]): void {
    if (maxSessions !== undefined && this.#sessions.size >= maxSessions) {
      throw new Fault("access-denied", `too many sessions on one connection (max ${maxSessions})`, {
        audit: { maximum: maxSessions },
      });
    }
    if (this.#granted || maxConnections === undefined) return;
    if (this.#options.countOf(login.identity.username) >= maxConnections) {
      throw new Fault("access-denied", `too many connections of one user (max ${maxConnections})`, {
        audit: { maximum: maxConnections },
      });
    }
  }

  /** Something is granted: from here on the connection is reviewed until it ends. */
  #begin(login: Login): void {
    this.#login = login;
    if (this.#granted) return;
    const { server, review } = this.#options.context;
    this.#leaveReview = review.add({
      describe: () => runningSession(login, server()),
      goesOn: (options) => this.#apply(options),
      end: (refusal) => this.end(refusal.message, refusal),
    });
    this.#granted = true;
  }

  #apply(options: SessionOptions): void {
    assertServed(options);
    const { spec } = this.#options.context.feed.view.networking;
    this.#liveness.apply({
      idleTimeoutMs: options.idleTimeoutMs,
      keepAliveMs: parseDuration(spec.keep_alive_interval),
      keepAliveCount: spec.keep_alive_count_max,
    });
  }

  async #dial(channel: TcpipChannel, accept: () => Channel): Promise<void> {
    const login = this.#ssh.identity;
    const { context } = this.#options;
    const addr = `${channel.address}:${channel.port}`;
    try {
      const { permissions } = this.#grant();
      if (!permissions.localForwarding || !context.features.portForwarding) throw noForwarding();
    } catch (error) {
      this.#reportPort(login, addr, messageOf(error));
      throw this.#told(error);
    }
    await context.events.record("port", { ...this.#portFields(login, addr), success: true });
    const socket = await dialTarget(channel);
    try {
      this.#grant();
      this.#begin(login);
    } catch (error) {
      // The rules changed while it was dialled: nobody would end it any more.
      socket.destroy();
      throw error;
    }
    void joinSocket(socket, accept(), () => this.#liveness.touch());
  }

  #forwardsOf(ssh: ServerConnection<Login>): RemoteForwards {
    const login = ssh.identity;
    this.#login = login;
    this.#forwards = new RemoteForwards(
      {
        authorize: (where) => this.#authorizeListening(login, where),
        open: (channel) => ssh.openForwardedTcpip(channel),
        touch: () => this.#liveness.touch(),
      },
      login.account === "root",
    );
    return this.#forwards;
  }

  async #authorizeListening(login: Login, { address, port }: ForwardAddress): Promise<void> {
    const { context } = this.#options;
    const addr = `${address}:${port}`;
    try {
      const { permissions } = this.#grant();
      if (!permissions.remoteForwarding || !context.features.portForwarding) throw noForwarding();
    } catch (error) {
      this.#reportPort(login, addr, messageOf(error));
      throw error;
    }
    await context.events.record("port", { ...this.#portFields(login, addr), success: true });
    this.#grant();
    this.#begin(login);
  }

  #portFields(login: Login, addr: string) {
    const { context, remote } = this.#options;
    return {
      ...loginFields(login, formatClientAddress(remote)),
      ...serverFieldsOf(context),
      addr: clip(addr),
    };
  }

  #reportPort(login: Login, addr: string, error: string): void {
    const fields = { ...this.#portFields(login, addr), success: false, error };
    this.#options.context.events.report("port", fields);
  }

  /** Writes down why a channel is refused, before the client is told; gives the id of the event. */
  async #recordRefusal(login: Login, error: unknown): Promise<string | undefined> {
    if (!isFault(error)) return undefined;
    const { context, remote } = this.#options;
    const fields = {
      ...loginFields(login, formatClientAddress(remote)),
      ...refusalFields(error),
    };
    const maximum = error.audit["maximum"];
    if (typeof maximum === "number") {
      const reason = error.message;
      return recordRefusal(context, "session.reject", { ...fields, reason, maximum });
    }
    return recordRefusal(context, "auth", { ...fields, success: false, error: error.message });
  }

  /** A refusal as the client hears it: with hints only if it shows them as such. */
  #told(error: unknown, id?: string): unknown {
    if (!isFault(error)) return error;
    const hints = showsHints(this.#ssh.clientVersion) ? [error.hint, id && explainHint(id)] : [];
    const hint = hints.filter((line) => line !== undefined).join("\n");
    const { message, audit } = error;
    return new Fault(error.code, message, { audit, cause: error, ...(hint ? { hint } : {}) });
  }

  #logFailure(login: string, reason: unknown): void {
    const level = isFault(reason) ? "debug" : "error";
    this.#options.context.logger[level]("a key was refused", { login, error: reason });
  }

  #endQuietly(why: "idle" | "silent"): void {
    const { networking } = this.#options.context.feed.view;
    const reasons = {
      idle: networking.spec.idle_timeout_message || "the session was idle for too long",
      silent: "the client no longer answers",
    };
    this.end(reasons[why]);
  }

  #gone(reason: Fault): void {
    this.#options.context.logger.debug("connection closed", { reason: reason.message });
    this.#over = true;
    this.#authenticator.close();
    this.#leaveReview();
    this.#liveness.close();
    this.#forwards?.close();
    for (const session of this.#sessions) session.hangUp();
  }
}

function noForwarding(): Fault {
  return new Fault("access-denied", "port forwarding is not allowed");
}
