import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import { compileRegex } from "./regex.ts";

const rows: readonly (readonly [string, string, boolean])[] = [
  ["^a.c$", "abc", true],
  ["^a.c$", "a\nc", false],
  ["(?s)^a.c$", "a\nc", true],
  ["(?i)^PROD-[a-z]+$", "prod-EU", true],
  ["^(dev|stage)-\\d{2,3}$", "stage-123", true],
  ["^(dev|stage)-\\d{2,3}$", "stage-1", false],
  ["^[^a-c]+$", "xyz", true],
  ["^[[:alpha:]_-]+$", "a_b-", true],
  ["\\bcat\\b", "a cat!", true],
  ["\\bcat\\b", "concat", false],
  ["^(?:a*)*$", "aaaa", true],
  ["^[]a]$", "]", true],
  ["^\\x41\\.$", "A.", true],
  ["^𝒳$", "𝒳", true],
  ["a{0}b", "b", true],
  ["^a\\tb$", "a\tb", true],
  ["^[\\d-]+$", "1-2", true],
  ["^[a-z]$", "A", false],
  ["^a$", "A", false],
];

for (const [pattern, text, expected] of rows) {
  test(`/${pattern}/ ${expected ? "matches" : "does not match"} ${JSON.stringify(text)}`, () => {
    assert.equal(compileRegex(pattern).test(text), expected);
  });
}

test("replacement prefers what the pattern prefers and knows groups by number and name", () => {
  assert.equal(
    compileRegex("^(?P<user>[^@]+)@(.*)$").replace("al@x.io", `$2/\${user}$$`),
    "x.io/al$",
  );
  assert.equal(compileRegex("a|ab").replace("ab", "x"), "xb");
  assert.equal(compileRegex("a+?").replace("aaa", "x"), "xxx");
  assert.equal(compileRegex("x*").replace("ab", "-"), "-a-b-");
  assert.equal(compileRegex("(a)|b").replace("ab", "[$1]"), "[a][]");
});

test("patterns that stall a backtracking engine answer at once", () => {
  const text = `${"a".repeat(4000)}!`;
  for (const pattern of ["^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "^a*a*a*a*a*a*a*b$", "^(.*)*x$"]) {
    assert.equal(compileRegex(pattern).test(text), false, pattern);
  }
});

for (const pattern of [
  "(",
  ")",
  "a)",
  "[a",
  "*a",
  "a**",
  "a{2}{3}",
  "a{3,2}",
  "a{1001}",
  "(?=a)",
  "(?<!a)",
  "(a)\\1",
  "\\p{L}",
  "[b-a]",
  "[[:nope:]]",
  "\\",
  "\\x4",
  "(?P<n>a)(?P<n>b)",
  "(?m)a",
  "((a{500}){500}){500}",
  `${"(".repeat(100)}${")".repeat(100)}`,
  "a".repeat(1025),
]) {
  test(`the pattern ${JSON.stringify(pattern.slice(0, 30))} is refused`, () => {
    assert.throws(
      () => compileRegex(pattern),
      (error) => isFault(error, "invalid"),
    );
  });
}

test("a pattern that takes too many steps on a text is stopped", () => {
  const regex = compileRegex("(?:a?){990}b");
  assert.throws(
    () => regex.test("a".repeat(4096)),
    (error) => isFault(error, "limit"),
  );
});

test("a text beyond the bound is an error, not a mismatch", () => {
  assert.throws(
    () => compileRegex("x").test("y".repeat(4097)),
    (error) => isFault(error, "limit"),
  );
});

test("agrees with the engine of the runtime on patterns that both know", () => {
  const atom = fc.constantFrom(
    "a",
    "b",
    ".",
    "[ab]",
    "[^a]",
    "(a|b)",
    "(?:ab)",
    "(a*)b",
    "\\w",
    "\\b",
    "^",
    "$",
  );
  const repeat = fc.constantFrom("", "", "*", "+", "?", "{1,2}", "*?", "+?");
  const term = fc
    .tuple(atom, repeat)
    .map(([body, count]) => (/^(\^|\$|\\b)$/.test(body) ? body : body + count));
  const pattern = fc
    .array(
      fc.array(term, { maxLength: 4 }).map((terms) => terms.join("")),
      { minLength: 1, maxLength: 3 },
    )
    .map((choices) => choices.join("|"));
  const text = fc
    .array(fc.constantFrom("a", "b", "c", " "), { maxLength: 8 })
    .map((parts) => parts.join(""));
  fc.assert(
    fc.property(pattern, text, (source, subject) => {
      assert.equal(compileRegex(source).test(subject), new RegExp(source).test(subject));
      assert.equal(
        compileRegex(source).replace(subject, "<$$>"),
        subject.replace(new RegExp(source, "g"), "<$$>"),
      );
    }),
    { numRuns: 3000 },
  );
});

test("groups in a pattern cost nothing when only the answer counts, and are paid for in a replacement", () => {
  // 500 groups for each of 4000 characters: a program that copies them all needs seconds.
  const groups = "()".repeat(500);
  assert.equal(compileRegex(`${groups}a`).test("a".repeat(4000)), true);
  for (const work of [
    () => compileRegex(groups).replace("a".repeat(4000), "x"),
    () => compileRegex(`${groups}z`).test("a".repeat(4000)),
    () => compileRegex(`${"(a?)".repeat(200)}z`).test("a".repeat(4000)),
  ]) {
    assert.throws(work, (error) => isFault(error, "limit"));
  }
});
