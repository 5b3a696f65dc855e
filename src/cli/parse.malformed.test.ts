/** Whatever is typed gives a call or a usage fault, never another error. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import { withBuiltins } from "#cli/builtin.ts";
import { formatHelp } from "#cli/help.ts";
import { type Call, parseCommandLine } from "#cli/parse.ts";
import { demo } from "../../test/support/cli/demo.ts";

const program = withBuiltins(demo);

function parse(...words: readonly string[]): Call | "usage" {
  try {
    return parseCommandLine(program, words, {});
  } catch (error) {
    assert.ok(isFault(error, "usage"), String(error));
    return "usage";
  }
}

const word = fc.oneof(
  fc.constantFrom(
    ...["users", "add", "ls", "ssh", "lock", "help", "alice", "--", "-", "-f", "-l", "-fq", "-h"],
    ...["--roles", "--roles=x", "--ttl=1h", "--ttl=-1", "--no-force", "--no-roles", "--force=no"],
    ...["--config", "--format=json", "--format", "---", "--=", "--no-", "-=x", "--debug=1"],
  ),
  fc.string(),
);

test("any line of words is a call or a usage fault", () => {
  fc.assert(
    fc.property(fc.array(word, { maxLength: 8 }), (words) => {
      const call = parse(...words);
      if (call !== "usage" && call.kind === "help") formatHelp(program, call.words);
    }),
    { numRuns: 5000 },
  );
});

test("everything behind -- reaches the remote command unchanged", () => {
  fc.assert(
    fc.property(fc.array(fc.string(), { maxLength: 5 }), (words) => {
      const call = parse("ssh", "host", "--", ...words);
      assert.ok(call !== "usage" && call.kind === "run");
      assert.deepEqual(call.args["command"], words);
    }),
  );
});

test("names that every object inherits are neither flags nor commands", () => {
  for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
    assert.equal(parse(name), "usage");
    assert.equal(parse("users", name), "usage");
    assert.equal(parse("users", "ls", `--${name}=x`), "usage");
    assert.equal(parse("users", "ls", `--format=${name}`), "usage");
  }
});

test("a flag without its value at the end of the line is a usage fault", () => {
  assert.equal(parse("users", "add", "alice", "--roles"), "usage");
  assert.equal(parse("users", "add", "alice", "-l"), "usage");
  assert.equal(parse("--config"), "usage");
});
