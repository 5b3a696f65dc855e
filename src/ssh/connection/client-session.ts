/** The client's side of a session channel (RFC 4254 section 6). */
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
import { showText } from "../transport/disconnect.ts";
import type { Channel, IncomingRequest } from "./channel.ts";
import type { Terminal, TerminalSize } from "./terminal.ts";
import { encodeTerminalModes } from "./terminal-modes.ts";

/** How the remote program ended. Both are missing if the server did not say. */
export interface SessionExit {
  readonly status?: number;
  /** The signal that ended it, without "SIG". */
  readonly signal?: string;
  /** What the server says about the signal, one line. */
  readonly message?: string;
}

/** One session. `channel` is the program's input and output, `channel.stderr` its error output: read both. */
export class ClientSession {
  readonly channel: Channel;
  /** Resolves when the session is closed. Never rejects: a lost connection gives an empty result. */
  readonly exit: Promise<SessionExit>;
  #exit: SessionExit = {};

  constructor(channel: Channel) {
    this.channel = channel;
    this.exit = channel.whenClosed.then(() => this.#exit);
    channel.onRequest = (request) => this.#handle(request);
  }

  /** Asks for a terminal. Throws `access-denied` if the server refuses. */
  async requestPty({ modes, ...terminal }: Terminal): Promise<void> {
    const payload = ptyRequest.encode({ ...terminal, modes: encodeTerminalModes(modes) });
    await this.#ask("pty-req", payload, "a terminal");
  }

  /** Sets an environment variable; false if the server does not want it. */
  setEnv(name: string, value: string): Promise<boolean> {
    return this.channel.request("env", envRequest.encode({ name, value }));
  }

  /** Offers the agent to the session. The client connection then gets agent channels. */
  async requestAgentForwarding(): Promise<void> {
    await this.#ask("auth-agent-req@openssh.com", empty.encode({}), "agent forwarding");
  }

  async shell(): Promise<void> {
    await this.#ask("shell", empty.encode({}), "a shell");
  }

  async exec(command: string): Promise<void> {
    await this.#ask("exec", execRequest.encode({ command }), "the command");
  }

  async subsystem(name: string): Promise<void> {
    await this.#ask("subsystem", subsystemRequest.encode({ name }), `the subsystem ${name}`);
  }

  /** Tells the server the new size of the terminal. */
  resize(size: TerminalSize): void {
    this.channel.notify("window-change", windowChange.encode(size));
  }

  /** Sends a signal, named without "SIG", to the program. */
  signal(name: string): void {
    this.channel.notify("signal", signalRequest.encode({ name }));
  }

  async #ask(name: string, payload: Uint8Array, what: string): Promise<void> {
    if (await this.channel.request(name, payload)) return;
    throw new Fault("access-denied", `the SSH server refuses ${what}`);
  }

  #handle({ name, payload }: IncomingRequest): boolean {
    if (name === "exit-status") {
      this.#exit = { status: exitStatus.decode(payload).status };
      return true;
    }
    if (name !== "exit-signal") return false;
    const { name: signal, message } = exitSignal.decode(payload);
    this.#exit = { signal: showText(signal, 64), message: showText(message, 500) };
    return true;
  }
}
