/** Questions to Jamf Pro: what goes into a filter stays a value there. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { filterOf, groupSerials, pagePath, serialFilter } from "./query.ts";

test("conditions are joined as wholes, whatever an administrator wrote", () => {
  const changedSince = new Date("2026-11-21T10:00:00Z");
  const changed = 'general.reportDate>="2026-11-21T10:00:00.000Z"';
  assert.equal(filterOf({ filter: "" }), "");
  assert.equal(filterOf({ filter: "a==1,b==2" }), "a==1,b==2");
  assert.equal(filterOf({ filter: "a==1,b==2", changedSince }), `(a==1,b==2);(${changed})`);
  assert.equal(filterOf({ filter: "", changedSince }), changed);
});

test("a serial number with quotation marks and commas does not leave its quotes", () => {
  assert.equal(
    serialFilter(['A"),(id==*', "B\\", "C,D"], ""),
    'hardware.serialNumber=in=("A\\"),(id==*","B\\\\","C,D")',
  );
  const path = pagePath('a=="&page=7#"', 3, 100);
  const query = new URL(path, "https://x").searchParams;
  assert.deepEqual(query.getAll("page"), ["3"]);
  assert.equal(query.get("filter"), 'a=="&page=7#"');
});

test("questions about many or long serial numbers stay short, and none is forgotten", () => {
  const serials = [
    ...Array.from({ length: 130 }, (_, i) => `SERIAL${i}`),
    ...Array.from({ length: 40 }, (_, i) => `${"ü".repeat(98)}${i}`),
  ];
  const groups = [...groupSerials(serials)];
  assert.deepEqual(groups.flat(), serials);
  for (const group of groups) {
    const path = pagePath(serialFilter(group, "general.remoteManagement.managed==true"), 0, 200);
    assert.ok(path.length < 6000, String(path.length));
  }
  assert.deepEqual([...groupSerials([])], []);
});
