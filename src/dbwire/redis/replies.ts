/**
 * Replies of a Redis server (RESP 2 and 3) as they pass: where one ends and the next begins, whatever is nested in it. And the
 * few that an agent says itself.
 */
import { Fault, type FaultCode } from "#base/fault.ts";

const longestLine = 64 * 1024;
/** Redis nests replies a few levels deep; a server that nests without end is no server. */
const deepest = 64;

/** Types of which a line says all. */
const simple = new Set([..."+-:_#,("]);
/** Types whose line gives a number of bytes. */
const sized = new Set([..."$!="]);
/** Types whose line gives a number of replies; maps and attributes have two for each. */
const nested: Readonly<Record<string, number>> = { "*": 1, "~": 1, ">": 1, "%": 2, "|": 2 };

/** Follows the server's side of one session. */
export class ReplyWatch {
  #line = "";
  #inLine = false;
  #bytesLeft = 0;
  /** Replies that are missing at each level. */
  #missing: number[] = [];
  #first = "";
  readonly #onReply: (firstLine: string) => void;

  /** Hears the first line of each reply that is whole. */
  constructor(onReply: (firstLine: string) => void) {
    this.#onReply = onReply;
  }

  /** True between two replies. */
  get atBoundary(): boolean {
    return !this.#inLine && this.#bytesLeft === 0 && this.#missing.length === 0;
  }

  /** Looks at the next bytes. Throws `malformed` for what is no reply. */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#bytesLeft > 0) {
        const count = Math.min(this.#bytesLeft, chunk.length - at);
        this.#bytesLeft -= count;
        at += count;
        if (this.#bytesLeft === 0) this.#finish();
        continue;
      }
      const end = chunk.indexOf(0x0a, at);
      const until = end < 0 ? chunk.length : end + 1;
      this.#line += chunk.toString("latin1", at, until);
      if (this.#line.length > longestLine) throw malformed();
      this.#inLine = end < 0;
      at = until;
      if (end >= 0) this.#readLine();
    }
  }

  #readLine(): void {
    const line = this.#line.replace(/\r?\n$/, "");
    this.#line = "";
    const type = line.slice(0, 1);
    if (this.#missing.length === 0) this.#first = line;
    const number = simple.has(type) ? 0 : numberOf(line);
    const each = Object.hasOwn(nested, type) ? (nested[type] ?? 0) : 0;
    if (!simple.has(type) && !sized.has(type) && each === 0) throw malformed();
    if (sized.has(type) && number >= 0) {
      this.#bytesLeft = number + 2;
    } else if (each > 0 && number > 0) {
      if (this.#missing.length >= deepest) throw malformed();
      // An attribute stands before the reply that it is about.
      this.#missing.push(number * each + (type === "|" ? 1 : 0));
    } else {
      this.#finish();
    }
  }

  #finish(): void {
    for (;;) {
      const level = this.#missing.length - 1;
      if (level < 0) break;
      const left = (this.#missing[level] ?? 0) - 1;
      this.#missing[level] = left;
      if (left > 0) return;
      this.#missing.pop();
    }
    this.#onReply(this.#first);
  }
}

/** Codes before the text of an error, as clients know them. */
const words: Readonly<Partial<Record<FaultCode, string>>> = {
  "access-denied": "NOPERM",
  "device-required": "NOPERM",
  locked: "NOPERM",
  unproven: "WRONGPASS",
};

/** The error that tells a client of this fault. */
export function encodeErrorOf({ code, message, hint }: Fault): Buffer {
  const text = hint === undefined ? message : `${message} (hint: ${hint.replaceAll("\n", "; ")})`;
  return Buffer.from(`-${words[code] ?? "ERR"} ${text.replace(/[\r\n]+/g, " ")}\r\n`);
}

/** A command as clients send it. */
export function encodeCommand(command: readonly string[]): Buffer {
  const parts = command.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
  return Buffer.from(`*${command.length}\r\n${parts.join("")}`);
}

function numberOf(line: string): number {
  const digits = /^-?\d{1,10}$/.exec(line.slice(1))?.[0];
  if (digits === undefined) throw malformed();
  return Number(digits);
}

function malformed(): Fault {
  return new Fault("malformed", "the Redis server sent what is no reply");
}
