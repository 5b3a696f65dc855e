/**
 * The server's side of a session channel (RFC 4254 section 6): requests of the client become calls of a
 * {@link SessionHandler}, which runs the program. What a login may do is the handler's decision.
 */
import { Fault } from "#base/fault.ts";
import {
  empty,
  envRequest,
  execRequest,
  exitSignal,
  exitStatus,
  ptyRequest,
  signalRequest,
  subsystemRequest,
  windowChange,
} from "../messages/connection.ts";
import type { Channel, IncomingRequest } from "./channel.ts";
import type { Terminal, TerminalSize } from "./terminal.ts";
import { decodeTerminalModes } from "./terminal-modes.ts";

/**
 * The answer to a request: true is success; false or a thrown fault is failure. Requests are answered one
 * after the other: start the program and return, do not wait for its end.
 */
export type Answer = boolean | Promise<boolean>;

/** Does what the client of one session asks for. What is not there is refused. */
export interface SessionHandler {
  shell?(): Answer;
  exec?(command: string): Answer;
  subsystem?(name: string): Answer;
  /** At most once, and before the program. */
  pty?(terminal: Terminal): Answer;
  /** Before the program. Clients stop sending variables at the first refusal. */
  env?(name: string, value: string): Answer;
  windowChange?(size: TerminalSize): void;
  /** A signal for the program, named without "SIG". */
  signal?(name: string): Answer;
  /** `auth-agent-req@openssh.com`: from now on ServerConnection.openAgent works. */
  agentForwarding?(): Answer;
  /** Any other request. */
  other?(request: IncomingRequest): Answer;
}

/** One session. Its program reads from and writes to `channel` and `channel.stderr`. */
export class ServerSession {
  #channel: Channel | undefined;
  #handler: SessionHandler = {};
  #started = false;
  #hasPty = false;

  /** The session's channel. Throws `internal` before the session is accepted: use it from the first request on. */
  get channel(): Channel {
    if (this.#channel === undefined) throw new Fault("internal", "the SSH session is not open yet");
    return this.#channel;
  }

  /** Opens the session and sets who answers. For the server connection. */
  begin(channel: Channel, handler: SessionHandler): void {
    this.#channel = channel;
    this.#handler = handler;
    channel.onRequest = (request) => this.#handle(request);
    // Clients have nothing to say there; unread it would close the window.
    channel.stderr.resume();
  }

  /** Ends the session: sends what the program wrote, its exit status, EOF and CLOSE. Works once. */
  exit(status: number): void {
    this.#finish("exit-status", exitStatus.encode({ status: status >>> 0 }));
  }

  /** Ends the session of a program that a signal ended, named without "SIG". */
  exitSignal(name: string, coreDumped = false): void {
    const payload = exitSignal.encode({ name, coreDumped, message: "", language: "" });
    this.#finish("exit-signal", payload);
  }

  #finish(name: string, payload: Uint8Array): void {
    this.channel.whenFlushed(() => {
      this.channel.notify(name, payload);
      this.channel.close();
    });
  }

  /** One program per session (RFC 4254 section 6.5); terminal and environment come before it. */
  async #handle(request: IncomingRequest): Promise<boolean> {
    const handler = this.#handler;
    const { name, payload } = request;
    switch (name) {
      case "shell":
        empty.decode(payload);
        return this.#start(() => handler.shell?.());
      case "exec": {
        const { command } = execRequest.decode(payload);
        return this.#start(() => handler.exec?.(command));
      }
      case "subsystem": {
        const subsystem = subsystemRequest.decode(payload).name;
        return this.#start(() => handler.subsystem?.(subsystem));
      }
      case "pty-req": {
        const { modes, ...terminal } = ptyRequest.decode(payload);
        if (this.#started || this.#hasPty) return false;
        const answer = handler.pty?.({ ...terminal, modes: decodeTerminalModes(modes) });
        this.#hasPty = (await answer) ?? false;
        return this.#hasPty;
      }
      case "env": {
        const variable = envRequest.decode(payload);
        if (this.#started) return false;
        return (await handler.env?.(variable.name, variable.value)) ?? false;
      }
      case "window-change":
        if (!this.#hasPty) return false;
        handler.windowChange?.(windowChange.decode(payload));
        return true;
      case "signal": {
        const signal = signalRequest.decode(payload).name;
        if (!this.#started) return false;
        return (await handler.signal?.(signal)) ?? false;
      }
      case "auth-agent-req@openssh.com":
        empty.decode(payload);
        return (await handler.agentForwarding?.()) ?? false;
      default:
        return (await handler.other?.(request)) ?? false;
    }
  }

  async #start(run: () => Answer | undefined): Promise<boolean> {
    if (this.#started) return false;
    this.#started = true;
    return (await run()) ?? false;
  }
}
