/** The figures of a run, for the log. */
import type { SkipReason } from "./source.ts";

/** What a run has done so far. */
export class RunReport {
  /** Pages of the MDM that were read. */
  pages = 0;
  /** Devices that the auth service took, changed or not. */
  upserts = 0;
  deletes = 0;
  /** Devices that the auth service refused. */
  failures = 0;
  /** Rows of devices that the run had named already, as rows that moved between pages are, or older records of them. */
  duplicates = 0;
  /** Times that rows moved between pages. */
  drifts = 0;
  /** Devices that no page showed and the MDM has all the same. */
  kept = 0;
  readonly skipped = new Map<SkipReason, number>();

  /** Counts a row that is no device of the inventory. */
  skip(reason: SkipReason): void {
    this.skipped.set(reason, (this.skipped.get(reason) ?? 0) + 1);
  }

  /** The fields of a line of the log: those that are zero are left out, but for the first. */
  get fields(): Readonly<Record<string, number>> {
    const rare = {
      deletes: this.deletes,
      failures: this.failures,
      duplicates: this.duplicates,
      drifts: this.drifts,
      kept: this.kept,
      ...Object.fromEntries(
        [...this.skipped].map(([reason, count]) => [`skipped: ${reason}`, count]),
      ),
    };
    const shown = Object.entries(rare).filter(([, count]) => count > 0);
    return { devices: this.upserts, pages: this.pages, ...Object.fromEntries(shown) };
  }
}
