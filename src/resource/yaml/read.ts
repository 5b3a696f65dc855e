/**
 * YAML 1.2 text to plain values that remember their place. Text is hostile: size, depth and number
 * of nodes are bounded before anything is built, aliases count each time they are used, and only
 * plain data is accepted (no custom tags, no merge keys, no `__proto__`). Numbers and booleans that
 * do not survive a round trip stay text: `1.10`.
 */
import { Composer, type CST, LineCounter, Parser } from "yaml";
import { buildValue, type Place } from "./build.ts";
import { type Diagnostic, sortDiagnostics } from "./diagnostic.ts";
import { nestingOf } from "./nesting.ts";
import { syntaxProblem } from "./syntax-problem.ts";

/** Where the text comes from and how much of it is accepted. */
export interface ReadOptions {
  /** File name for diagnostics; `-` for standard input. */
  readonly source: string;
  /** Bytes of UTF-8. Default 1 MiB. */
  readonly maxBytes?: number;
}

/** One document of a text. */
export interface YamlDocument {
  /** Maps are objects, lists arrays; scalars are text, numbers, booleans or null. */
  readonly value: unknown;
  /** Where the key or value at a path stands; the nearest enclosing place when there is none. */
  locate(path: readonly (string | number)[], at: "key" | "value"): { line: number; column: number };
}

/** What a text holds, and what is wrong with it as YAML. Empty documents are left out. */
export interface ReadResult {
  readonly documents: readonly YamlDocument[];
  readonly diagnostics: readonly Diagnostic[];
}

const maxDepth = 40;
/** A value takes two bytes at least and about five in practice; more come from aliases only. */
const bytesPerNode = 5;
const reportedAtMost = 100;

/** Reads every document of a text. Throws nothing: every problem is a diagnostic. */
export function readYaml(text: string, options: ReadOptions): ReadResult {
  const file = options.source;
  const refuse = (message: string, line = 1, column = 1, suggestion?: string): ReadResult => ({
    documents: [],
    diagnostics: [{ file, line, column, message, suggestion }],
  });
  const maxBytes = options.maxBytes ?? 1024 * 1024;
  if (text.length > maxBytes || Buffer.byteLength(text) > maxBytes) {
    return refuse(`the text is larger than ${maxBytes} bytes`);
  }
  const control = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/.exec(text);
  if (control !== null) {
    const lines = text.slice(0, control.index).split("\n");
    const code = control[0].charCodeAt(0).toString(16).padStart(2, "0");
    return refuse(
      `the text contains the control character 0x${code}`,
      lines.length,
      (lines.at(-1)?.length ?? 0) + 1,
    );
  }
  const lines = new LineCounter();
  const tokens: CST.Token[] = [...new Parser(lines.addNewLine).parse(text)];
  if (nestingOf(tokens, maxDepth) > maxDepth) {
    return refuse(`the text is nested more than ${maxDepth} levels deep`);
  }
  return compose(tokens, text, lines, { file, nodes: Math.ceil(maxBytes / bytesPerNode) });
}

function compose(
  tokens: readonly CST.Token[],
  text: string,
  lines: LineCounter,
  { file, nodes }: { file: string; nodes: number },
): ReadResult {
  const position = (offset: number): { line: number; column: number } => {
    const { line, col } = lines.linePos(Math.min(Math.max(offset, 0), text.length));
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const diagnostics: Diagnostic[] = [];
  const report = (offset: number, message: string, suggestion?: string): void => {
    if (diagnostics.length >= reportedAtMost) return;
    diagnostics.push({ file, ...position(offset), message, suggestion });
  };
  const composer = new Composer({ uniqueKeys: false, strict: true, schema: "core" });
  const documents: YamlDocument[] = [];
  const budget = { nodes };
  for (const document of composer.compose(tokens, true, text.length)) {
    let line = 0;
    for (const error of document.errors) {
      // The parser often complains several times about one line; the first is the useful one.
      if (position(error.pos[0]).line === line) continue;
      line = position(error.pos[0]).line;
      const { message, suggestion } = syntaxProblem(error);
      report(error.pos[0], message, suggestion);
    }
    if (document.errors.length > 0 || document.contents === null) continue;
    const built = buildValue(document.contents, maxDepth, budget, report);
    if (built === undefined || built.value === null) continue;
    documents.push({ value: built.value, locate: locator(built.place, position) });
  }
  return { documents, diagnostics: sortDiagnostics(diagnostics) };
}

function locator(
  root: Place,
  position: (offset: number) => { line: number; column: number },
): YamlDocument["locate"] {
  return (path, at) => {
    let place = root;
    for (const key of path) {
      const child = place.children?.get(key);
      // A key that is missing is missed in its map; item 0 of a single value is that value.
      if (child === undefined) return position(typeof key === "number" ? place.value : place.key);
      place = child;
    }
    return position(at === "key" ? place.key : place.value);
  };
}
