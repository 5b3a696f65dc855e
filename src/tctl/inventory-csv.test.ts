/** CSV: what is written comes back, and broken or hostile text is refused where it is broken. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import { formatCsvRow, readCsv } from "./inventory-csv.ts";

const rows = (text: string) => [...readCsv(text, "f.csv")].map((row) => row.map((c) => c.text));

function refused(text: string, place: string, message: RegExp): void {
  assert.throws(
    () => rows(text),
    (error) => {
      assert.ok(isFault(error, "invalid"));
      assert.ok(error.message.startsWith(`f.csv:${place}: `), error.message);
      assert.match(error.message, message);
      return true;
    },
  );
}

test("rows in every usual dress", () => {
  const wanted = [
    ["a", "b"],
    ["1", "x,y"],
    ["", "2"],
  ];
  assert.deepEqual(rows('a,b\n1,"x,y"\n,2\n'), wanted);
  assert.deepEqual(rows('\ufeffa,b\r\n1,"x,y"\r\n\r\n,2'), wanted);
  assert.deepEqual(rows('a;b\n1;"x,y"\n;2'), wanted);
  assert.deepEqual(rows('"a"\n"say ""hi""\nthere"'), [["a"], ['say "hi"\nthere']]);
  assert.deepEqual(rows(""), []);
});

test("a cell knows its line and column, also behind a cell of several lines", () => {
  const [, row] = [...readCsv('a,b\n"x\ny",z\n', "f.csv")];
  assert.deepEqual(
    row?.map(({ line, column }) => [line, column]),
    [
      [2, 1],
      [3, 4],
    ],
  );
});

test("quotation marks that do not pair, are out of place or are followed by text", () => {
  refused('a\n"x', "2:1", /does not end/);
  refused('a\nx"y"', "2:2", /inside a cell/);
  refused('a\n"x"y', "2:4", /follows a quoted cell/);
});

test("a lone carriage return, and a NUL character", () => {
  refused("a\rb", "1:3", /CR without LF/);
  refused("a\n\0", "2:2", /NUL/);
});

test("cells and rows without end", () => {
  refused(`a\n${"x".repeat(5000)}`, "2:5001", /longer than 4096/);
  refused(`a\n"${"x".repeat(5000)}"`, "2:1", /does not end/);
  refused(`a\n"${'""'.repeat(5000)}"`, "2:8196", /.*/);
  refused(",".repeat(100), "1:65", /more than 64/);
});

test("what a spreadsheet would run is written as text, and read as it was", () => {
  for (const cell of ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "'=1", "''+1"]) {
    const written = formatCsvRow([cell]);
    assert.match(written, /^"?'/);
    assert.deepEqual(rows(`${written}\n`), [[cell]]);
  }
  assert.equal(formatCsvRow(["O'Neil", "'tis"]), "O'Neil,'tis");
});

test("whatever is written comes back", () => {
  const cell = fc.string({ maxLength: 30 }).filter((text) => !text.includes("\0"));
  fc.assert(
    fc.property(
      fc.array(fc.array(cell, { minLength: 2, maxLength: 5 }), { maxLength: 5 }),
      (all) => {
        const text = ["a,b", ...all.map(formatCsvRow)].join("\n");
        assert.deepEqual(rows(text), [["a", "b"], ...all]);
      },
    ),
  );
});

test("any text is read or refused, and never hangs", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('"', ",", "\n", "\r", "'", "=", "x") }),
      (text) => {
        try {
          rows(text);
        } catch (error) {
          assert.ok(isFault(error, "invalid"), String(error));
        }
      },
    ),
  );
});
