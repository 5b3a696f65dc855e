/**
 * What a client of PostgreSQL has the server do, in the order in which it will: simple queries, and executions of prepared
 * statements by the text that they were prepared with (manual 55.2.2, 55.2.3). Texts are reported when they are prepared, too.
 * Parameters of statements are left out: they are data.
 */
import { Fault } from "#base/fault.ts";
import { clientTypes, readTexts } from "./messages.ts";
import { answerTypes, type Names, OpenNames } from "./open-names.ts";
import { MessageScanner } from "./scanner.ts";

/** A statement with a name for audits: its text, cut to the limit. */
export type OnStatement = (text: string) => void;

/**
 * Longer names are refused: servers tell names apart by 63 bytes. So are names beyond ASCII: which of them are the same
 * depends on the encoding that the session is in.
 */
const longestName = 63;
const servedName = /^[\x01-\x7f]*$/;

const wanted: ReadonlySet<number> = new Set(Object.values(clientTypes));

/** Follows the client's side of one session. */
export class StatementWatch {
  readonly #scanner: MessageScanner;
  readonly #onStatement: OnStatement;
  readonly #limit: number;
  readonly #names = new OpenNames();
  readonly #answers: MessageScanner;

  /** `limit`: bytes of a statement that are kept. */
  constructor(limit: number, onStatement: OnStatement) {
    this.#limit = limit;
    this.#onStatement = onStatement;
    // A statement's name comes before its text and has no part in the limit.
    this.#scanner = new MessageScanner(wanted, limit + longestName + 1, (type, body, length) =>
      this.#see(type, body, length),
    );
    this.#answers = new MessageScanner(answerTypes, 1, (type, body) =>
      this.#names.answer(type, body),
    );
  }

  /** Looks at the next bytes of the client. Throws `malformed` for what is no message. */
  push(chunk: Buffer): void {
    this.#scanner.push(chunk);
  }

  /** Looks at the next bytes of the server. */
  fromServer(chunk: Buffer): void {
    this.#answers.push(chunk);
  }

  #see(type: number, body: Buffer, length: number): void {
    const [first = "", second = ""] = readTexts(body, 0, 2);
    const { statements, portals } = this.#names;
    switch (type) {
      case clientTypes.query:
        this.#names.endBatch(true);
        this.#onStatement(this.#cut(first, length - 1));
        return;
      case clientTypes.sync:
        this.#names.endBatch(false);
        return;
      case clientTypes.parse: {
        assertName(first);
        const text = this.#cut(second, length - first.length - 4);
        // Whatever is made of its name later: the text is in the log.
        this.#onStatement(`(preparation of) ${text}`);
        this.#names.change(statements, first, [text], false);
        return;
      }
      case clientTypes.bind:
        assertName(first);
        this.#names.change(portals, first, this.#textsOf(statements, second), false);
        return;
      case clientTypes.execute:
        this.#report(this.#textsOf(portals, first));
        return;
      case clientTypes.close: {
        const isStatement = body[0] === 0x53;
        const name = first.slice(1);
        assertName(name);
        const unknown = isStatement ? unknownStatement(name) : unknownPortal(name);
        this.#names.change(isStatement ? statements : portals, name, [unknown], true);
        return;
      }
      case clientTypes.functionCall:
        this.#names.endBatch(true);
        this.#onStatement(
          body.length < 4 ? "(function call)" : `(call of function ${body.readUInt32BE(0)})`,
        );
        return;
    }
  }

  #textsOf(names: Names, name: string): readonly string[] {
    assertName(name);
    const isStatement = names === this.#names.statements;
    return this.#names.find(
      names,
      name,
      isStatement ? unknownStatement(name) : unknownPortal(name),
    );
  }

  /** Which of several texts a server runs is not known here: each is reported, as one of them. */
  #report(texts: readonly string[]): void {
    for (const text of texts) {
      this.#onStatement(texts.length === 1 ? text : `(one of ${texts.length}) ${text}`);
    }
  }

  #cut(text: string, bytes: number): string {
    return bytes <= this.#limit ? text : `${text.slice(0, this.#limit)}… (cut, ${bytes} bytes)`;
  }
}

const unknownStatement = (name: string) => `(statement ${name})`;
const unknownPortal = (name: string) => `(portal ${name})`;

function assertName(name: string): void {
  if (name.length <= longestName && servedName.test(name)) return;
  throw new Fault("malformed", `names have at most ${longestName} characters of ASCII here`);
}
