/**
 * A reporter for `tools/test.ts`: writes what a run came to to the file `$TEST_COUNTS`, at once, because what is printed
 * through a pipe can be cut off when the runner ends its process.
 */
import { writeFileSync } from "node:fs";
import process from "node:process";
import type { TestEvent } from "node:test/reporters";

/** What is written. */
export interface TestReport {
  /** By outcome: `tests`, `passed`, `failed`, `cancelled`, `skipped`, `todo`. */
  readonly counts: Readonly<Record<string, number>>;
  /** Files that came to their end. Only a run in processes of their own tells; see {@link report}. */
  readonly ended: readonly string[];
  /** Files that held no test. */
  readonly empty: readonly string[];
}

/**
 * A run in processes of their own sums up each file first, and everything last; a process that ends too early, with
 * whatever code, leaves no sum of its file. A file without tests is reported as if it were a test itself.
 */
export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const ended: string[] = [];
  const empty: string[] = [];
  for await (const { type, data } of events) {
    if (type === "test:pass" && data.name === data.file) empty.push(data.name);
    if (type !== "test:summary") continue;
    if (data.file !== undefined) {
      ended.push(data.file);
      continue;
    }
    const counts = { ...data.counts };
    const written: TestReport = { counts, ended, empty };
    writeFileSync(process.env["TEST_COUNTS"] ?? "", JSON.stringify(written));
  }
  yield "";
}
