/**
 * Commands of a Redis client as they pass (RESP, redis.io/docs/reference/protocol-spec: arrays of bulk strings, and inline
 * commands). Holds one command at a time, and of its arguments no more than the limit; each is handed over when its last
 * byte has come, before any of that last piece goes on.
 */
import { Fault } from "#base/fault.ts";

/** A command: its words, each cut to the limit, and the bytes that it is made of, where they were kept. */
export interface RedisCommand {
  readonly words: readonly string[];
  /** True when words or their number were cut. */
  readonly cut: boolean;
}

/** Redis's own bounds (proto-max-bulk-len, PROTO_INLINE_MAX_SIZE, and the longest array of a client). */
const longestBulk = 512 * 1024 * 1024;
const longestLine = 64 * 1024;
const mostWords = 1024 * 1024;
/** People type inline commands, and programs send arrays: what is longer than anybody types is there to hide something. */
const longestInline = 4096;

/** Told of a command before it goes on. What it throws ends the session. */
export type OnCommand = (command: RedisCommand) => void;

/** Follows the client's side of one session, from a command's first byte on. */
export class CommandWatch {
  readonly #limit: number;
  readonly #onCommand: OnCommand;
  #line: Buffer[] = [];
  #lineLength = 0;
  /** Words of the command that have not come yet; zero between commands. */
  #wordsLeft = 0;
  /** Bytes of the current word with its line end that have not come yet. */
  #wordLeft = 0;
  #inWord = false;
  #word: Buffer[] = [];
  #wordRoom = 0;
  #words: string[] = [];
  #room = 0;
  #cut = false;

  /** `limit`: bytes of a command that are kept. */
  constructor(limit: number, onCommand: OnCommand) {
    this.#limit = limit;
    this.#onCommand = onCommand;
  }

  /** True between two commands. */
  get atBoundary(): boolean {
    return this.#wordsLeft === 0 && this.#lineLength === 0;
  }

  /** Looks at the next bytes. Throws `malformed` for what is no command; the connection must end then. */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      at = this.#inWord ? this.#takeWord(chunk, at) : this.#takeLine(chunk, at);
    }
  }

  #takeLine(chunk: Buffer, at: number): number {
    const end = chunk.indexOf(0x0a, at);
    const part = chunk.subarray(at, end < 0 ? chunk.length : end + 1);
    this.#lineLength += part.length;
    if (this.#lineLength > longestLine) throw malformed("too big inline request");
    this.#line.push(end < 0 ? Buffer.from(part) : part);
    if (end < 0) return chunk.length;
    const line = Buffer.concat(this.#line).toString("latin1");
    this.#line = [];
    this.#lineLength = 0;
    this.#readLine(line);
    return end + 1;
  }

  #readLine(line: string): void {
    if (this.#wordsLeft > 0) {
      const length = numberIn(line, "$");
      if (length < 0 || length > longestBulk) throw malformed("invalid bulk length");
      this.#inWord = true;
      this.#wordLeft = length + 2;
      this.#wordRoom = Math.min(length, this.#room);
      if (this.#wordRoom < length) this.#cut = true;
      return;
    }
    if (!line.startsWith("*")) {
      if (line.length > longestInline) throw malformed("too big inline request");
      const words = inlineWords(line);
      if (words.length > 0) this.#handInline(words);
      return;
    }
    const count = numberIn(line, "*");
    if (count > mostWords) throw malformed("invalid multibulk length");
    if (count <= 0) return;
    this.#wordsLeft = count;
    this.#words = [];
    this.#room = this.#limit;
    this.#cut = false;
  }

  #takeWord(chunk: Buffer, at: number): number {
    const count = Math.min(this.#wordLeft, chunk.length - at);
    const kept = Math.min(count, this.#wordRoom);
    if (kept > 0) {
      this.#word.push(Buffer.from(chunk.subarray(at, at + kept)));
      this.#wordRoom -= kept;
      this.#room -= kept;
    }
    this.#wordLeft -= count;
    if (this.#wordLeft === 0) this.#finishWord();
    return at + count;
  }

  #finishWord(): void {
    this.#inWord = false;
    if (this.#room > 0 || this.#word.length > 0 || this.#words.length === 0) {
      this.#words.push(Buffer.concat(this.#word).toString("utf8"));
      // Words without bytes take room as well: a command may have a million of them.
      this.#room--;
    } else this.#cut = true;
    this.#word = [];
    this.#wordsLeft--;
    if (this.#wordsLeft === 0) this.#hand(this.#words, this.#cut);
  }

  /** Cuts words, as of an array, and never the line: blanks in front would push the command itself out of what is kept. */
  #handInline(words: readonly string[]): void {
    const kept: string[] = [];
    let room = this.#limit;
    for (const word of words) {
      if (room <= 0) break;
      kept.push(word.slice(0, room));
      room -= word.length + 1;
    }
    this.#hand(kept, kept.length < words.length || room < -1);
  }

  #hand(words: readonly string[], cut: boolean): void {
    this.#words = [];
    this.#onCommand({ words, cut });
  }
}

/** A server takes any byte behind a carriage return for the line feed: what is not exact is refused, or we would disagree. */
function numberIn(line: string, mark: string): number {
  const digits = /^(-?\d{1,10})\r\n$/.exec(line.slice(1))?.[1];
  if (!line.startsWith(mark) || digits === undefined) {
    throw malformed(`expected '${mark}' and a number`);
  }
  return Number(digits);
}

/** Quotes and escapes could spell a command in a way that we do not see: programs send arrays, and people type none of them. */
function inlineWords(line: string): string[] {
  const text = line.replace(/\r?\n$/, "");
  if (/["'\\\u0000-\u0008\u000b-\u001f]/.test(text)) {
    throw malformed("quotes in an inline request");
  }
  return text.split(/[ \t]+/).filter((word) => word !== "");
}

function malformed(why: string): Fault {
  return new Fault("malformed", `Protocol error: ${why}`);
}
