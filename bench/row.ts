/** Rows of the table of `npm run bench`, and how the table is printed. */

/** One figure beside its peer's, both measured in the same run. */
export interface Row {
  readonly what: string;
  readonly unit: string;
  readonly ours: number;
  /** What ours is divided by; a row without a peer is judged by its figure alone. */
  readonly peer?: { readonly what: string; readonly value: number } | undefined;
  /** The limit of the ratio, or of the figure when there is no peer. Without one the row only informs. */
  readonly goal?: { readonly at: "least" | "most"; readonly limit: number } | undefined;
  /** The reference's figure as it was recorded once, on a comparable machine. */
  readonly recorded?: string | undefined;
  /** The official program's figure in this run. */
  readonly official?: number | undefined;
}

/** The figure that the goal is about. */
export function judgedFigure({ ours, peer }: Row): number {
  return peer === undefined ? ours : ours / peer.value;
}

/** True when the row has no goal or reaches it. */
export function isReached(row: Row): boolean {
  if (row.goal === undefined) return true;
  const figure = judgedFigure(row);
  return row.goal.at === "least" ? figure >= row.goal.limit : figure <= row.goal.limit;
}

const header = ["what", "ours", "peer", "ratio", "goal", "", "reference"];

/** The table as Markdown, columns aligned. */
export function formatRows(rows: readonly Row[]): string {
  const cells = [header, ...rows.map(formatRow)];
  const widths = header.map((_, column) =>
    Math.max(...cells.map((row) => row[column]?.length ?? 0)),
  );
  const lines = cells.map(
    (row) => `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`,
  );
  lines.splice(1, 0, `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`);
  return lines.join("\n");
}

function formatRow(row: Row): string[] {
  const { what, unit, ours, peer, goal, recorded, official } = row;
  const sign = goal?.at === "least" ? "≥" : "≤";
  const goalUnit = peer === undefined ? ` ${unit}` : "";
  const reference = [
    recorded,
    official === undefined ? undefined : `${formatFigure(official)} ${unit} in this run`,
  ];
  return [
    what,
    `${formatFigure(ours)} ${unit}`,
    peer === undefined ? "" : `${formatFigure(peer.value)} ${unit} (${peer.what})`,
    peer === undefined ? "" : judgedFigure(row).toFixed(2),
    goal === undefined ? "" : `${sign} ${goal.limit}${goalUnit}`,
    goal === undefined ? "" : isReached(row) ? "yes" : "NO",
    reference.filter((part) => part !== undefined).join("; "),
  ];
}

/** Three digits that mean something. */
export function formatFigure(value: number): string {
  if (value >= 100) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
