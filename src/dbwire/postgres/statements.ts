/**
 * What a client of PostgreSQL has the server do, in the order in which it will: simple queries, and executions of prepared
 * statements by the text that they were prepared with (manual 55.2.2, 55.2.3). Parameters of statements are left out:
 * they are data.
 */
import { Fault } from "#base/fault.ts";
import { clientTypes, readTexts } from "./messages.ts";
import { MessageScanner } from "./scanner.ts";

/** A statement with a name for audits: its text, cut to the limit. */
export type OnStatement = (text: string) => void;

/** Names that a client may give at once; beyond it the oldest is forgotten, and its executions are reported by name. */
const mostNames = 1000;

/** Longer names are refused: they would push the text of a statement out of what is kept of a message. */
const longestName = 255;

const wanted: ReadonlySet<number> = new Set(Object.values(clientTypes));

/** Follows the client's side of one session. */
export class StatementWatch {
  readonly #scanner: MessageScanner;
  readonly #onStatement: OnStatement;
  readonly #limit: number;
  readonly #statements = new Map<string, string>();
  readonly #portals = new Map<string, string>();

  /** `limit`: bytes of a statement that are kept. */
  constructor(limit: number, onStatement: OnStatement) {
    this.#limit = limit;
    this.#onStatement = onStatement;
    // A statement's name comes before its text and has no part in the limit.
    this.#scanner = new MessageScanner(wanted, limit + longestName + 1, (type, body, length) =>
      this.#see(type, body, length),
    );
  }

  /** Looks at the next bytes of the client. Throws `malformed` for what is no message. */
  push(chunk: Buffer): void {
    this.#scanner.push(chunk);
  }

  #see(type: number, body: Buffer, length: number): void {
    const [first = "", second = ""] = readTexts(body, 0, 2);
    switch (type) {
      case clientTypes.query:
        this.#onStatement(this.#cut(first, length - 1));
        return;
      case clientTypes.parse:
        assertName(first);
        keep(this.#statements, first, this.#cut(second, length - first.length - 4));
        return;
      case clientTypes.bind:
        assertName(first);
        keep(this.#portals, first, this.#statements.get(second) ?? `(statement ${second})`);
        return;
      case clientTypes.execute:
        this.#onStatement(this.#portals.get(first) ?? `(portal ${first})`);
        return;
      case clientTypes.close: {
        const names = body[0] === 0x53 ? this.#statements : this.#portals;
        names.delete(first.slice(1));
        return;
      }
      case clientTypes.functionCall:
        this.#onStatement(
          body.length < 4 ? "(function call)" : `(call of function ${body.readUInt32BE(0)})`,
        );
        return;
    }
  }

  #cut(text: string, bytes: number): string {
    return bytes <= this.#limit ? text : `${text.slice(0, this.#limit)}… (cut, ${bytes} bytes)`;
  }
}

function assertName(name: string): void {
  if (name.length > longestName) {
    throw new Fault("malformed", `names of statements have at most ${longestName} characters here`);
  }
}

function keep(names: Map<string, string>, name: string, text: string): void {
  names.delete(name);
  names.set(name, text);
  if (names.size <= mostNames) return;
  const [oldest] = names.keys();
  if (oldest !== undefined) names.delete(oldest);
}
