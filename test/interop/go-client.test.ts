/**
 * The public Go API module against a cluster of ours. A machine without a Go toolchain, or without a way to its modules,
 * says so loudly and proves nothing here.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  differenceParts,
  differencesTable,
  generatedPart,
  goTable,
} from "../../interop/compatibility.ts";
import { missingForGo, runGoClient } from "../../interop/go-client.ts";

const missing = missingForGo();

test("docs/compatibility.md shows the lists of known differences", () => {
  for (const [name, sides] of Object.entries(differenceParts)) {
    assert.equal(generatedPart(name), differencesTable(sides), "run: npm run interop -- --docs");
  }
});

if (missing !== undefined) {
  test(`${missing} is missing: the Go client was not run`, () => {
    process.stderr.write(
      `\nNOT PROVEN: the public Go API client, because ${missing} is missing\n\n`,
    );
  });
} else {
  test("every call of the public Go API client is answered as it should be", async () => {
    const rows = await runGoClient();
    const surprises = rows.filter(({ verdict }) => verdict !== "passes" && verdict !== "differs");
    assert.deepEqual(surprises, []);
    assert.ok(rows.length > 90, `the Go client printed only ${rows.length} rows`);
    assert.equal(generatedPart("go"), goTable(rows), "run: npm run interop -- --docs");
  });
}
