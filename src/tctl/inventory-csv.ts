/**
 * Comma-separated values (RFC 4180), read strictly and with the place of every cell, and written so that they come back
 * the same. Spreadsheets run a cell that begins with =, +, - or @: such text, which may come from a device, is written
 * with an apostrophe before it, and read without.
 */
import { type Diagnostic, faultOf } from "#resource/yaml/diagnostic.ts";

/** A cell with its place, counted from 1. */
export interface Cell {
  readonly text: string;
  readonly line: number;
  readonly column: number;
}

const limits = { cell: 4096, columns: 64 } as const;
const runs = /^'*[=+\-@\t\r]/;

/** The rows of a text, the header among them; empty lines are left out. Throws `invalid` at the first broken one. */
export function* readCsv(text: string, file: string): Generator<readonly Cell[]> {
  const reader = new CsvReader(text, file);
  for (;;) {
    const row = reader.readRow();
    if (row === undefined) return;
    if (row.length > 1 || row[0]?.text !== "") yield row;
  }
}

/** A row as a line of text, without its end. */
export function formatCsvRow(cells: readonly string[]): string {
  return cells.map(formatCell).join(",");
}

function formatCell(text: string): string {
  const safe = runs.test(text) ? `'${text}` : text;
  return /[",;\r\n]|^\s|\s$/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

class CsvReader {
  readonly #text: string;
  readonly #file: string;
  readonly #separator: string;
  #at = 0;
  #line = 1;
  #lineStart = 0;

  constructor(text: string, file: string) {
    this.#text = text.startsWith("\ufeff") ? text.slice(1) : text;
    this.#file = file;
    // Where commas are decimal points, spreadsheets write semicolons.
    const end = this.#text.search(/[\r\n]/);
    const header = end < 0 ? this.#text : this.#text.slice(0, end);
    this.#separator = header.includes(";") && !header.includes(",") ? ";" : ",";
  }

  readRow(): Cell[] | undefined {
    if (this.#at >= this.#text.length) return undefined;
    const cells: Cell[] = [];
    for (;;) {
      cells.push(this.#readCell());
      if (cells.length > limits.columns) this.#fail(`a row has more than ${limits.columns} cells`);
      const next = this.#text[this.#at];
      if (next === this.#separator) {
        this.#at++;
        continue;
      }
      if (next === "\r") this.#at++;
      if (next !== undefined) {
        if (this.#text[this.#at] !== "\n") this.#fail("a line ends in CR without LF");
        this.#at++;
        this.#line++;
        this.#lineStart = this.#at;
      }
      return cells;
    }
  }

  #readCell(): Cell {
    const place = { line: this.#line, column: this.#at - this.#lineStart + 1 };
    const text = this.#text[this.#at] === '"' ? this.#readQuoted() : this.#readPlain();
    if (text.length > limits.cell) this.#fail(`a cell is longer than ${limits.cell} characters`);
    if (text.includes("\0")) this.#fail("a cell holds a NUL character");
    return { text: text.startsWith("'") && runs.test(text) ? text.slice(1) : text, ...place };
  }

  #readPlain(): string {
    const start = this.#at;
    for (; this.#at < this.#text.length; this.#at++) {
      const character = this.#text[this.#at];
      if (character === this.#separator || character === "\n" || character === "\r") break;
      if (character === '"') this.#fail("a quotation mark inside a cell", 'write "" in quotes');
    }
    return this.#text.slice(start, this.#at);
  }

  #readQuoted(): string {
    const start = { at: this.#at, line: this.#line, lineStart: this.#lineStart };
    let text = "";
    this.#at++;
    for (;;) {
      const end = this.#text.indexOf('"', this.#at);
      if (end < 0 || end - this.#at > limits.cell) {
        this.#at = start.at;
        this.#line = start.line;
        this.#lineStart = start.lineStart;
        this.#fail("a quoted cell does not end", 'close it with "');
      }
      const part = this.#text.slice(this.#at, end);
      for (let at = part.indexOf("\n"); at >= 0; at = part.indexOf("\n", at + 1)) {
        this.#line++;
        this.#lineStart = this.#at + at + 1;
      }
      text += part;
      this.#at = end + 1;
      if (this.#text[this.#at] !== '"') break;
      text += '"';
      this.#at++;
      if (text.length > limits.cell) break;
    }
    const next = this.#text[this.#at];
    if (next !== undefined && ![this.#separator, "\r", "\n"].includes(next)) {
      this.#fail("text follows a quoted cell", 'write "" for a quotation mark inside it');
    }
    return text;
  }

  #fail(message: string, suggestion?: string): never {
    const place = { line: this.#line, column: this.#at - this.#lineStart + 1 };
    const diagnostic: Diagnostic = { file: this.#file, ...place, message, suggestion };
    throw faultOf([diagnostic]);
  }
}
