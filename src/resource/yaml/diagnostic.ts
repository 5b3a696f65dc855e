/** Problems of a text with their place in it, all at once, and how they are shown. */
import { Fault } from "#base/fault.ts";

/** One problem. Line and column count from 1; the column counts characters as an editor does. */
export interface Diagnostic {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
  /** What to write instead. */
  readonly suggestion?: string | undefined;
}

/** `role.yaml:6:5: unknown key "loginz" (did you mean "logins"?)` */
export function formatDiagnostic(diagnostic: Diagnostic): string {
  const { file, line, column, message, suggestion } = diagnostic;
  const advice = suggestion === undefined ? "" : ` (${suggestion})`;
  return `${file}:${line}:${column}: ${message}${advice}`;
}

/** Sorted by place, without repetitions. */
export function sortDiagnostics(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  const seen = new Set<string>();
  return [...diagnostics]
    .sort((a, b) => a.line - b.line || a.column - b.column)
    .filter((diagnostic) => {
      const text = formatDiagnostic(diagnostic);
      return !seen.has(text) && seen.add(text);
    });
}

const shownAtMost = 20;

/** One fault, code `invalid`, whose message lists the diagnostics line by line. */
export function faultOf(diagnostics: readonly Diagnostic[]): Fault {
  const lines = diagnostics.slice(0, shownAtMost).map(formatDiagnostic);
  const more = diagnostics.length - lines.length;
  if (more > 0) lines.push(`and ${more} more`);
  return new Fault("invalid", lines.join("\n"));
}
