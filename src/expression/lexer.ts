/**
 * Splits the text of a predicate into tokens. Strings are written as in Go, which the public predicate language
 * borrows: "…" with escapes, or `…` raw. The length is bounded before the first character is read.
 */
import { expressionFault } from "./failure.ts";

/** Longest expression, in UTF-16 units. */
export const maxExpressionLength = 16 * 1024;

/** What a token is. `symbol` is an operator or a bracket. */
export type TokenKind = "name" | "string" | "number" | "symbol" | "end";

/** A token; `text` is the value of a string, and `at` the offset of its first character. */
export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  readonly at: number;
}

const name = /[A-Za-z_][A-Za-z0-9_]*/y;
const number = /\d{1,15}(?![\w])/y;
const symbol = /==|!=|&&|\|\||[!().,[\]]/y;
const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  n: "\n",
  r: "\r",
  t: "\t",
};

/** Tokens of `source`, closed by one of kind `end`. Throws `invalid` for a character that starts no token. */
export function tokenize(source: string): Token[] {
  if (source.length > maxExpressionLength) {
    throw expressionFault("", 0, `expression longer than ${maxExpressionLength} characters`);
  }
  const tokens: Token[] = [];
  let at = 0;
  while (at < source.length) {
    const character = source.charAt(at);
    if (/\s/.test(character)) {
      at++;
      continue;
    }
    const token = readToken(source, at, character);
    tokens.push(token.token);
    at = token.next;
  }
  tokens.push({ kind: "end", text: "", at: source.length });
  return tokens;
}

interface ReadToken {
  readonly token: Token;
  readonly next: number;
}

function readToken(source: string, at: number, character: string): ReadToken {
  if (character === '"') return readQuoted(source, at);
  if (character === "`") return readRaw(source, at);
  for (const [kind, pattern] of [
    ["name", name],
    ["number", number],
    ["symbol", symbol],
  ] as const) {
    pattern.lastIndex = at;
    const text = pattern.exec(source)?.[0];
    if (text !== undefined) return { token: { kind, text, at }, next: at + text.length };
  }
  const hint = hints[character];
  throw expressionFault(source, at, `unexpected character ${JSON.stringify(character)}`, hint);
}

const hints: Readonly<Record<string, string>> = {
  "'": 'write strings in double quotes, as in labels["env"]',
  "=": 'compare with "=="',
  "&": 'write "&&" for and',
  "|": 'write "||" for or',
};

function readQuoted(source: string, start: number): ReadToken {
  let text = "";
  let at = start + 1;
  for (;;) {
    const character = source.charAt(at);
    if (character === "" || character === "\n") {
      throw expressionFault(source, start, "string without closing quote");
    }
    if (character === '"') break;
    if (character === "\\") {
      const escaped = readEscape(source, at);
      text += escaped.text;
      at = escaped.next;
    } else {
      text += character;
      at++;
    }
  }
  return { token: { kind: "string", text, at: start }, next: at + 1 };
}

function readEscape(source: string, at: number): { text: string; next: number } {
  const character = source.charAt(at + 1);
  const simple = Object.hasOwn(escapes, character) ? escapes[character] : undefined;
  if (simple !== undefined) return { text: simple, next: at + 2 };
  const code = /^\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4}))/.exec(source.slice(at, at + 6));
  if (code === null) {
    throw expressionFault(
      source,
      at,
      "unknown escape in a string",
      "double the backslash, or write the string between backquotes",
    );
  }
  return {
    text: String.fromCharCode(Number.parseInt(code[1] ?? code[2] ?? "", 16)),
    next: at + code[0].length,
  };
}

function readRaw(source: string, start: number): ReadToken {
  const end = source.indexOf("`", start + 1);
  if (end < 0) throw expressionFault(source, start, "string without closing backquote");
  return {
    token: { kind: "string", text: source.slice(start + 1, end), at: start },
    next: end + 1,
  };
}
