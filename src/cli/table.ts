/**
 * Tables for people: a header, dashes, and one line per row. Every column, the last one too, is padded to its widest cell
 * and followed by one space, so that scripts written for such tables go on working.
 */
import type { Console } from "./console.ts";

/** How a table fits into the terminal. */
export interface TableFit {
  /** The column that takes what the others leave. */
  readonly column: string;
  /** Columns of the terminal. */
  readonly width: number;
}

/** The least that the fitted column is left. */
const leastWidth = 16;
const ellipsis = "...";

/** Formats a table, each line ending in a newline. Cells that do not fit, when `fit` is given, end in "...". */
export function formatTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  fit?: TableFit,
): string {
  const cells = rows.map((row) => header.map((_, i) => oneLine(row[i] ?? "")));
  const limits = fit
    ? columnLimits(header, cells, fit)
    : header.map(() => Number.POSITIVE_INFINITY);
  const shown = cells.map((row) => row.map((cell, i) => truncate(cell, limits[i] ?? 0)));
  const widths = header.map((title, i) =>
    widest(
      title,
      shown.map((row) => row[i] ?? ""),
    ),
  );
  const lines = [header, widths.map((width) => "-".repeat(width)), ...shown];
  return lines
    .map((line) => `${line.map((cell, i) => `${pad(cell, widths[i] ?? 0)} `).join("")}\n`)
    .join("");
}

/** Prints a table. */
export function printTable(
  console: Console,
  header: readonly string[],
  rows: readonly (readonly string[])[],
  fit?: TableFit,
): void {
  console.write(formatTable(header, rows, fit));
}

/** "k=v,k2=v2", sorted by key: labels as tables show them. */
export function formatLabels(labels: Readonly<Record<string, string>> | undefined): string {
  return Object.entries(labels ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`)
    .join(",");
}

/** Terminal columns that a text takes: wide (East Asian) characters count two, combining marks none. */
export function displayWidth(text: string): number {
  if (ascii.test(text)) return text.length;
  let width = 0;
  for (const character of text) {
    if (mark.test(character)) continue;
    width += wide.test(character) ? 2 : 1;
  }
  return width;
}

/** Lists may have more cells than a call can have arguments. */
function widest(title: string, cells: readonly string[]): number {
  return cells.reduce((width, cell) => Math.max(width, displayWidth(cell)), displayWidth(title));
}

const ascii = /^[\x20-\x7e]*$/;
const mark = /\p{Mark}/u;
const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;

/** The other columns share evenly what the fitted one leaves; the fitted one gets what remains. */
function columnLimits(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  fit: TableFit,
): readonly number[] {
  const share = Math.floor((fit.width - leastWidth) / Math.max(1, header.length - 1));
  let used = 0;
  const limits = header.map((title, i) => {
    if (title === fit.column) return 0;
    const natural = widest(
      title,
      rows.map((row) => row[i] ?? ""),
    );
    used += natural > share ? share + ellipsis.length + 1 : natural + 1;
    return Math.min(natural, share);
  });
  const left = Math.max(fit.width - used - ellipsis.length - 1, 0);
  return limits.map((limit, i) => (header[i] === fit.column ? left : limit));
}

function truncate(cell: string, limit: number): string {
  if (displayWidth(cell) <= limit) return cell;
  let kept = "";
  for (const character of cell) {
    if (displayWidth(kept + character) > limit) break;
    kept += character;
  }
  return kept + ellipsis;
}

function pad(cell: string, width: number): string {
  return cell + " ".repeat(Math.max(0, width - displayWidth(cell)));
}

/** Cells come from the cluster: control characters must not move the cursor or forge a row. */
function oneLine(cell: string): string {
  return cell.replace(/[\u0000-\u001f\u007f-\u009f]/g, " ");
}
