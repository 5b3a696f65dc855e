/**
 * Texts that attack the reader: each is refused with a diagnostic, none hangs or exhausts memory.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatDiagnostic } from "./diagnostic.ts";
import { checkDocuments } from "./documents.ts";
import { readYaml } from "./read.ts";

function complaints(text: string, maxBytes?: number): string[] {
  const options = maxBytes === undefined ? { source: "t" } : { source: "t", maxBytes };
  return readYaml(text, options).diagnostics.map(formatDiagnostic);
}

test("refuses aliases that multiply (billion laughs)", () => {
  const levels = Array.from({ length: 12 }, (_, i) => {
    const items = i === 0 ? "lol" : `*a${i - 1}`;
    return `k${i}: &a${i} [${Array(10).fill(items).join(", ")}]`;
  });
  const found = complaints(levels.join("\n"));
  assert.equal(found.length, 1);
  assert.match(found[0] ?? "", /the text has too many values$/);
});

test("refuses an alias that contains itself, and one without an anchor", () => {
  assert.deepEqual(complaints("a: &a [1, *a]"), ["t:1:11: the alias *a contains itself"]);
  assert.deepEqual(complaints("a: *b"), ["t:1:4: the alias *b has no anchor before it"]);
});

test("refuses a text over the limit of size, counted in bytes", () => {
  assert.deepEqual(complaints("x".repeat(1024 * 1024 + 1)), [
    "t:1:1: the text is larger than 1048576 bytes",
  ]);
  assert.deepEqual(complaints("ü".repeat(60), 100), ["t:1:1: the text is larger than 100 bytes"]);
  assert.deepEqual(complaints("u".repeat(100), 100), []);
});

for (const [name, text] of Object.entries({
  brackets: "[".repeat(50_000),
  braces: "{a: ".repeat(20_000),
  dashes: "- ".repeat(50_000),
  "question marks": "? ".repeat(50_000),
  "indented keys": Array.from({ length: 60 }, (_, i) => `${" ".repeat(i)}a:\n`).join(""),
})) {
  test(`refuses deep nesting by ${name} before building anything`, () => {
    assert.deepEqual(complaints(text), ["t:1:1: the text is nested more than 40 levels deep"]);
  });
}

test("refuses aliases that nest deeper than text may", () => {
  const levels = Array.from({ length: 60 }, (_, i) =>
    i === 0 ? "k0: &a0 [x]" : `k${i}: &a${i} [*a${i - 1}]`,
  );
  assert.match(complaints(levels.join("\n"))[0] ?? "", /aliases nest too deep$/);
});

test("refuses control characters at their place", () => {
  assert.deepEqual(complaints("a: b\nc: d\0e"), [
    "t:2:5: the text contains the control character 0x00",
  ]);
  assert.deepEqual(complaints("a: \x1b[2J"), [
    "t:1:4: the text contains the control character 0x1b",
  ]);
});

test("refuses keys that appear twice, each time", () => {
  assert.deepEqual(complaints("a: 1\nb: {c: 1, c: 2}\na: 2\n"), [
    't:2:11: the key "c" appears twice in this map (remove one)',
    't:3:1: the key "a" appears twice in this map (remove one)',
  ]);
});

test("refuses keys that reach prototypes, and leaves prototypes alone", () => {
  const { documents, diagnostics } = readYaml("__proto__: {polluted: yes}\na: {__proto__: 1}", {
    source: "t",
  });
  assert.deepEqual(diagnostics.map(formatDiagnostic), [
    't:1:1: the key "__proto__" is not accepted',
    't:2:5: the key "__proto__" is not accepted',
  ]);
  assert.equal(Object.hasOwn(Object.prototype, "polluted"), false);
  assert.deepEqual(documents[0]?.value, { a: {} });
});

test("refuses names of inherited members as unknown keys", () => {
  const { diagnostics } = checkDocuments(
    "kind: user\nmetadata: {name: a}\nspec: {constructor: 1, toString: 2}",
    { source: "t" },
  );
  assert.equal(diagnostics.length, 2);
  const [hasOwn] = checkDocuments("kind: constructor", { source: "t" }).diagnostics;
  assert.match(hasOwn?.message ?? "", /not a kind of resource/);
});

test("refuses custom tags, merge keys and keys that are no text", () => {
  assert.deepEqual(complaints("a: !!js/function x"), [
    "t:1:18: the tag tag:yaml.org,2002:js/function is not accepted (remove it)",
  ]);
  assert.deepEqual(complaints("a: !foo {b: c}"), [
    "t:1:9: the tag !foo is not accepted (remove it)",
  ]);
  assert.deepEqual(complaints("a: !!binary aGk="), [
    "t:1:13: the tag tag:yaml.org,2002:binary is not accepted (remove it)",
  ]);
  assert.deepEqual(complaints("a: &x {b: c}\nd: {<<: *x}"), [
    "t:2:5: merge keys are not accepted (write the keys out)",
  ]);
  assert.deepEqual(complaints("!foo a: b"), ["t:1:6: the tag !foo is not accepted (remove it)"]);
  assert.deepEqual(complaints("? [a]\n: b"), ["t:1:3: a key must be plain text"]);
  assert.deepEqual(complaints("? {a: b}\n: c"), ["t:1:3: a key must be plain text"]);
});

for (const [name, text, complaint] of [
  [
    "a tab as indentation",
    "a:\n\tb: c",
    "t:2:1: a tab is used for indentation (indent with spaces)",
  ],
  [
    "keys of one map indented differently",
    "a:\n  b: 1\n   c: 2\n",
    "t:2:6: a map or list begins where a value was expected (check the indentation and the colons of this line)",
  ],
  [
    "an open bracket",
    "a: [b\nc: d\n",
    "t:2:1: the indentation does not fit the lines above (indent the keys of one map alike)",
  ],
  ["an open quote", "a: 'b", "t:1:6: the closing single quote is missing"],
  ["an open double quote", 'a: "b', "t:1:6: the closing double quote is missing"],
  [
    "two colons",
    "a: b: c",
    "t:1:4: a map or list begins where a value was expected (check the indentation and the colons of this line)",
  ],
  [
    "a wrong escape",
    'a: "\\q"',
    "t:1:5: the backslash escape is not valid (use single quotes, or double the backslash)",
  ],
] as const) {
  test(`says in plain words what is wrong with ${name}`, () => {
    assert.deepEqual(complaints(text), [complaint]);
  });
}

test("describes a hundred of very many mistakes", () => {
  const keys = Array.from({ length: 20_000 }, (_, i) => `k${i}: v`).join(", ");
  const { diagnostics } = checkDocuments(`kind: user\nmetadata: {name: a}\nspec: {${keys}}`, {
    source: "t",
  });
  assert.equal(diagnostics.length, 100);
  assert.equal(complaints("a: 1\n".repeat(5000)).length, 100);
});

test("a very long mistyped word costs nothing", () => {
  const { diagnostics } = checkDocuments(`kind: ${"x".repeat(500_000)}`, { source: "t" });
  assert.equal(diagnostics.length, 1);
  assert.ok((diagnostics[0]?.message.length ?? 1000) < 200);
});

test("any text gives documents or diagnostics, never an exception", () => {
  const piece = fc.constantFrom(
    "a",
    "kind",
    ": ",
    ":",
    "- ",
    "\n",
    "\n  ",
    "[",
    "]",
    "{",
    "}",
    "&x ",
    "*x",
    "!t ",
    "|",
    ">",
    "'",
    '"',
    "#",
    "? ",
    "%",
    "@",
    "---\n",
    "...\n",
    "\t",
    "~",
    "\\",
    "role",
    "metadata",
    "\r\n",
    "\u2028",
    "\ud800",
    ",",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
      const { resources, diagnostics } = checkDocuments(pieces.join(""), { source: "t" });
      assert.ok(resources.length + diagnostics.length > 0);
      for (const { line, column } of diagnostics) assert.ok(line >= 1 && column >= 1);
    }),
    { numRuns: 3000 },
  );
});
