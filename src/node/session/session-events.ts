/** The events of one session, in the order and with the fields of the public API. */
import type { Terminal } from "#ssh/connection/terminal.ts";
import type { NodeContext } from "../context.ts";
import { type ClientAddress, formatClientAddress } from "./client-address.ts";
import type { ProgramRequest } from "./command.ts";
import { clip, loginFields, serverFieldsOf } from "./event-fields.ts";
import type { Login } from "./login.ts";
import type { ProgramExit } from "./program.ts";
import type { FileOperation } from "./sftp-observer.ts";

/** The public API puts `session.data` after everything else of a session. */
const lastIndex = 2_147_483_646;

/** Writes down what happens in one session. */
export class SessionEvents {
  /** Bytes from the client to the program, and back. */
  received = 0;
  sent = 0;
  readonly #context: NodeContext;
  readonly #login: Login;
  readonly #remote: string;
  readonly #sid: string;
  #start: Date | undefined;
  #interactive = false;

  constructor(context: NodeContext, login: Login, remote: ClientAddress, sid: string) {
    this.#context = context;
    this.#login = login;
    this.#remote = formatClientAddress(remote);
    this.#sid = sid;
  }

  /** Returns when the start is durable. Throws `unavailable`: then nothing may start. */
  async started(request: ProgramRequest, terminal: Terminal | undefined): Promise<void> {
    this.#interactive = terminal !== undefined;
    const start = this.#context.clock.now();
    const { mfaVerified } = this.#login.identity;
    await this.#context.events.record("session.start", {
      ...this.#fields(),
      proto: "ssh",
      session_recording: "off",
      ...(mfaVerified === undefined ? {} : { with_mfa: mfaVerified }),
      ...(request.type === "exec" ? { initial_command: [clip(request.command)] } : {}),
      ...(terminal === undefined ? {} : { size: `${terminal.columns}:${terminal.rows}` }),
    });
    this.#start = start;
    if (request.type === "sftp") this.subsystem("sftp");
  }

  /** A subsystem was asked for; with a reason when it was refused. */
  subsystem(name: string, exitError?: string): void {
    this.#context.events.report("subsystem", {
      ...this.#fields(),
      name: clip(name),
      ...(exitError === undefined ? {} : { exitError }),
    });
  }

  /** The client used the file server. */
  fileOperation(workingDirectory: string, operation: FileOperation): void {
    const { path, targetPath, action, flags, attributes, error } = operation;
    this.#context.events.report("sftp", {
      ...this.#fields(),
      working_directory: workingDirectory,
      path: clip(path),
      action,
      ...(targetPath === undefined ? {} : { target_path: clip(targetPath) }),
      ...(flags === undefined ? {} : { flags }),
      ...(attributes === undefined ? {} : { attributes }),
      ...(error === undefined ? {} : { error }),
    });
  }

  /** The program has ended. */
  ended(request: ProgramRequest, exit: ProgramExit): void {
    const { events, clock } = this.#context;
    const fields = this.#fields();
    if (request.type === "exec") {
      events.report("exec", { ...fields, command: clip(request.command), ...exitFields(exit) });
    }
    if (this.#start === undefined) return;
    const { user } = fields;
    events.report("session.end", {
      ...fields,
      proto: "ssh",
      enhanced_recording: false,
      interactive: this.#interactive,
      participants: [user],
      session_start: this.#start.toISOString(),
      session_stop: clock.now().toISOString(),
      session_recording: "off",
    });
    events.report("session.leave", fields);
    events.report("session.data", { ...fields, tx: this.sent, rx: this.received }, lastIndex);
    this.#start = undefined;
  }

  #fields() {
    return {
      ...loginFields(this.#login, this.#remote),
      ...serverFieldsOf(this.#context),
      sid: this.#sid,
    };
  }
}

function exitFields(exit: ProgramExit): { exitCode: string; exitError?: string } {
  if ("signal" in exit) return { exitCode: "255", exitError: `signal: ${exit.signal}` };
  const exitCode = String(exit.status);
  return exit.status === 0 ? { exitCode } : { exitCode, exitError: `exit status ${exitCode}` };
}
