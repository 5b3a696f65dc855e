/**
 * A reporter for `tools/test.ts`: writes the closing counts of a run to the file `$TEST_COUNTS`, at once, because what is
 * printed through a pipe can be cut off when the runner ends its process.
 */
import { writeFileSync } from "node:fs";
import process from "node:process";
import type { TestEvent } from "node:test/reporters";

export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of events) {
    // A run in processes of their own sums up each file first, and everything last.
    if (event.type === "test:summary" && event.data.file === undefined) {
      writeFileSync(process.env["TEST_COUNTS"] ?? "", JSON.stringify(event.data.counts));
    }
  }
  yield "";
}
