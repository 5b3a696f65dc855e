/**
 * One session of a login: collects what the client asks for (terminal, variables), then runs one program as the account.
 * The audit log knows of the session before its program starts, or it does not start.
 */
import { isFault, messageOf } from "#base/fault.ts";
import { uuid } from "#base/random.ts";
import type { ServerSession, SessionHandler } from "#ssh/connection/server-session.ts";
import type { Terminal, TerminalSize } from "#ssh/connection/terminal.ts";
import type { NodeContext } from "../context.ts";
import type { Account } from "./account.ts";
import type { AgentSocket } from "./agent-socket.ts";
import type { ClientAddress } from "./client-address.ts";
import { isFileCopy, type ProgramRequest } from "./command.ts";
import { ClientEnvironment } from "./environment.ts";
import { findFileServer, prepareLaunch } from "./launch.ts";
import type { Grant, Login } from "./login.ts";
import { runPiped } from "./piped-program.ts";
import type { Program, ProgramExit, StreamObserver } from "./program.ts";
import { SessionEvents } from "./session-events.ts";
import { SftpObserver } from "./sftp-observer.ts";
import { findSignal } from "./signals.ts";
import { runInTerminal } from "./terminal-program.ts";

/** What a session needs of the connection that it belongs to. */
export interface SessionOwner {
  readonly context: NodeContext;
  readonly login: Login;
  readonly remote: ClientAddress;
  /** What the login may do now. Throws the refusal. */
  grant(): Grant;
  /** Something was sent or received. */
  touch(): void;
  /** Opens the socket through which programs of the account reach the client's agent. */
  openAgentSocket(account: Account): Promise<AgentSocket>;
}

/** A session from its opening to the end of its program. */
export class LoginSession implements SessionHandler {
  readonly id: string;
  readonly #owner: SessionOwner;
  readonly #session: ServerSession;
  readonly #variables = new ClientEnvironment();
  readonly #events: SessionEvents;
  readonly #finished: (session: LoginSession) => void;
  #terminal: Terminal | undefined;
  #wantsAgent = false;
  #agent: AgentSocket | undefined;
  #program: Program | undefined;
  #begun = false;
  #over = false;

  /** `finished` is called once when the session is over. */
  constructor(
    owner: SessionOwner,
    session: ServerSession,
    finished: (session: LoginSession) => void,
  ) {
    this.id = uuid(owner.context.random);
    this.#owner = owner;
    this.#session = session;
    this.#finished = finished;
    this.#events = new SessionEvents(owner.context, owner.login, owner.remote, this.id);
  }

  /** The channel is confirmed: from here on it is followed to its end. */
  begin(): void {
    if (this.#over || this.#begun) return;
    this.#begun = true;
    void this.#session.channel.whenClosed.then(() => this.hangUp());
  }

  env(name: string, value: string): boolean {
    this.#variables.add(name, value);
    return true;
  }

  pty(terminal: Terminal): boolean {
    if (!this.#owner.grant().permissions.pty) return false;
    this.#terminal = terminal;
    return true;
  }

  windowChange(size: TerminalSize): void {
    this.#program?.resize?.(size);
  }

  signal(name: string): boolean {
    const signal = findSignal(name);
    return signal !== undefined && (this.#program?.signal(signal) ?? false);
  }

  agentForwarding(): boolean {
    if (!this.#owner.grant().permissions.agentForwarding) return false;
    this.#wantsAgent = true;
    return true;
  }

  shell(): Promise<boolean> {
    return this.#start({ type: "shell" });
  }

  exec(command: string): Promise<boolean> {
    return this.#start({ type: "exec", command });
  }

  async subsystem(name: string): Promise<boolean> {
    const server = name === "sftp" ? await findFileServer() : undefined;
    if (server === undefined || !this.#mayCopy()) {
      this.#events.subsystem(name, "not available here or not allowed by a role");
      return false;
    }
    return this.#start({ type: "sftp", server });
  }

  /** Ends the session at once and tells the client why. */
  cut(reason: string): void {
    if (this.#over) return;
    this.#program?.kill();
    if (this.#begun) this.#session.channel.stderr.write(`\r\n${reason}\r\n`);
    this.#finish();
  }

  /** The client is gone. */
  hangUp(): void {
    if (this.#program === undefined) this.#finish();
    else if (!this.#over) this.#program.hangUp();
  }

  async #start(request: ProgramRequest): Promise<boolean> {
    const { context, login } = this.#owner;
    this.begin();
    if (request.type === "exec" && isFileCopy(request.command) && !this.#mayCopy()) {
      return this.#decline("copying files is not allowed here by a role or by this server");
    }
    try {
      this.#owner.grant();
      const account = await context.accounts.find(login.account);
      if (account === undefined) {
        return this.#decline(`there is no account "${login.account}" on this server`);
      }
      if (this.#wantsAgent) this.#agent = await this.#owner.openAgentSocket(account);
      const launch = await prepareLaunch(account, request, this.#terminal, {
        context,
        login,
        remote: this.#owner.remote,
        sessionId: this.id,
        variables: this.#variables.values,
        agentSocket: this.#agent?.path,
      });
      await this.#events.started(request, this.#terminal);
      // Rules may have changed, and the client may have gone, while the event was written.
      this.#owner.grant();
      if (this.#over) return false;
      const { channel } = this.#session;
      const observer = this.#observer(request, account);
      this.#program =
        this.#terminal === undefined || request.type === "sftp"
          ? runPiped(launch, await context.pipes.take(account), channel, observer, context.killer)
          : await runInTerminal(launch, channel, this.#terminal, observer, context.killer);
      if (this.#over) this.#program.kill();
      void this.#program.ended.then((exit) => this.#ended(request, exit));
      return true;
    } catch (error) {
      if (!isFault(error)) throw error;
      return this.#decline(error.message, error.hint);
    }
  }

  #mayCopy(): boolean {
    return this.#owner.context.features.fileCopy && this.#owner.grant().permissions.fileCopy;
  }

  /** Says why nothing runs, where the person sees it, and ends the session with a failure. */
  #decline(reason: string, hint?: string): boolean {
    this.#owner.context.logger.info("a session was declined", { session: this.id, reason });
    const { stderr } = this.#session.channel;
    stderr.write(`${reason}\r\n`);
    if (hint !== undefined) stderr.write(`hint: ${hint}\r\n`);
    // After the answer to the request, which clients wait for.
    setImmediate(() => {
      this.#session.exit(255);
      this.#finish();
    });
    return true;
  }

  /** Counts what passes, and reads along when files are copied. */
  #observer(request: ProgramRequest, { home }: Account): StreamObserver {
    const files =
      request.type === "sftp"
        ? new SftpObserver((operation) => this.#events.fileOperation(home, operation))
        : undefined;
    return {
      input: (chunk) => {
        this.#events.received += chunk.length;
        this.#owner.touch();
        files?.input(chunk);
      },
      output: (chunk) => {
        this.#events.sent += chunk.length;
        this.#owner.touch();
        files?.output(chunk);
      },
    };
  }

  #ended(request: ProgramRequest, exit: ProgramExit): void {
    this.#events.ended(request, exit);
    if ("status" in exit) this.#session.exit(exit.status);
    else this.#session.exitSignal(exit.signal, exit.coreDumped);
    this.#finish();
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#agent?.close().catch((error: unknown) => {
      this.#owner.context.logger.warn("an agent socket was not removed", {
        error: messageOf(error),
      });
    });
    this.#finished(this);
  }
}
