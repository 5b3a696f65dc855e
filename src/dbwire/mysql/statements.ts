/**
 * What a client of MySQL has the server do (MySQL source documentation, "Command Phase"): text queries, prepared statements
 * by the text that they were prepared with, and commands that are no statements. A command's first packet has the sequence
 * number zero.
 */
import { Fault } from "#base/fault.ts";
import { PacketScanner } from "./packets.ts";

const commands = {
  quit: 0x01,
  useDatabase: 0x02,
  query: 0x03,
  statistics: 0x09,
  ping: 0x0e,
  changeUser: 0x11,
  binlogDump: 0x12,
  registerReplica: 0x15,
  prepare: 0x16,
  execute: 0x17,
  sendLongData: 0x18,
  closeStatement: 0x19,
  resetStatement: 0x1a,
  setOption: 0x1b,
  fetch: 0x1c,
  binlogDumpGtid: 0x1e,
  resetConnection: 0x1f,
  bulkExecute: 0xfa,
  multi: 0xfe,
} as const;

/** Commands that do nothing to data, and say nothing of it. */
const silent: ReadonlySet<number> = new Set([
  commands.quit,
  commands.statistics,
  commands.ping,
  commands.sendLongData,
  commands.closeStatement,
  commands.resetStatement,
  commands.setOption,
  commands.fetch,
  commands.resetConnection,
]);

/** Why a command ends the session. */
const refused: ReadonlyMap<number, string> = new Map([
  [commands.changeUser, "a session cannot become that of another user"],
  [commands.binlogDump, "replication is not served"],
  [commands.registerReplica, "replication is not served"],
  [commands.binlogDumpGtid, "replication is not served"],
  [commands.multi, "commands inside of commands are not served"],
]);

const mostStatements = 1000;
/** The statement that was prepared last (MariaDB). */
const lastStatement = 0xffff_ffff;

/** Follows both sides of one session, from after its start. */
export class StatementWatch {
  readonly #client: PacketScanner;
  readonly #server: PacketScanner;
  readonly #limit: number;
  readonly #onStatement: (text: string) => void;
  readonly #statements = new Map<number, string>();
  /** Prepared, and not answered yet. */
  #preparing: string | undefined;
  #lastPrepared = "";
  #clientLast = false;

  /** `limit`: bytes of a statement that are kept. */
  constructor(limit: number, onStatement: (text: string) => void) {
    this.#limit = limit;
    this.#onStatement = onStatement;
    this.#client = new PacketScanner(
      limit + 1,
      (sequence) => sequence === 0,
      ({ sequence, body, length }) => {
        if (sequence === 0) this.#command(body, length);
      },
    );
    this.#server = new PacketScanner(
      5,
      (sequence) => sequence === 1,
      ({ sequence, body }) => this.#answer(sequence, body),
    );
  }

  /** Looks at the next bytes of the client. Throws `access-denied` for commands that are not served. */
  fromClient(chunk: Buffer): void {
    this.#clientLast = true;
    this.#client.push(chunk);
  }

  /** Looks at the next bytes of the server. */
  fromServer(chunk: Buffer): void {
    this.#clientLast = false;
    this.#server.push(chunk);
  }

  /** True when the server is between two packets. */
  get atBoundary(): boolean {
    return this.#server.atBoundary;
  }

  /** The sequence number of what would be said to the client now. */
  get nextSequence(): number {
    return this.#clientLast ? this.#client.sequence + 1 : 1;
  }

  #command(body: Buffer, length: number): void {
    const [code = 0] = body;
    const why = refused.get(code);
    if (why !== undefined) throw new Fault("access-denied", why);
    if (silent.has(code)) {
      if (code === commands.closeStatement && body.length >= 5) {
        this.#statements.delete(body.readUInt32LE(1));
      }
      return;
    }
    this.#onStatement(this.#textOf(code, body, length));
  }

  #textOf(code: number, body: Buffer, length: number): string {
    const text = body.toString("utf8", 1, 1 + this.#limit);
    const cut = length - 1 > this.#limit ? `… (cut, ${length - 1} bytes)` : "";
    switch (code) {
      case commands.query:
        return text + cut;
      case commands.prepare:
        this.#preparing = text + cut;
        this.#lastPrepared = text + cut;
        return `(preparation of) ${text}${cut}`;
      case commands.useDatabase:
        return `(use of database) ${text}${cut}`;
      case commands.execute:
      case commands.bulkExecute: {
        const id = body.length >= 5 ? body.readUInt32LE(1) : 0;
        if (id === lastStatement) return this.#lastPrepared;
        return this.#statements.get(id) ?? `(execution of statement ${id})`;
      }
      default:
        return `(command ${code})`;
    }
  }

  /** The first packet of an answer has the number one; that of a preparation tells the id. */
  #answer(sequence: number, body: Buffer): void {
    if (sequence !== 1 || this.#preparing === undefined) return;
    if (body[0] === 0 && body.length >= 5) {
      this.#statements.set(body.readUInt32LE(1), this.#preparing);
      const [oldest] = this.#statements.keys();
      if (this.#statements.size > mostStatements && oldest !== undefined) {
        this.#statements.delete(oldest);
      }
    }
    this.#preparing = undefined;
  }
}
