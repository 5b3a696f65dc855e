import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Fault, isFault } from "#base/fault.ts";
import {
  compileLabelExpression,
  compileResourceFilter,
  compileWhere,
  matchesSearch,
} from "./scopes.ts";

const node = {
  name: "ip-172-31-35-170",
  labels: { env: "prod", "teleport.internal/discovered-name": "X", team: "core" },
  resource: {
    kind: "node",
    metadata: { name: "uuid", labels: { env: "prod" } },
    spec: { hostname: "ip-172-31-35-170", addr: "10.0.0.1:3022", tags: ["a", "b"] },
  },
  searchable: ["10.0.0.1:3022"],
};

const filterRows: readonly (readonly [string, boolean])[] = [
  ['"a\\tb\\"\\x41\\u0042" == `a\tb"AB`', true],
  ['name == "ip-172-31-35-170"', true],
  ['(name == "X") || (labels["teleport.internal/discovered-name"] == "X")', true],
  ['labels.env == "prod" && labels.team != "core"', false],
  ['!(labels.env == "prod")', false],
  ['!!exists(labels["env"])', true],
  ["exists(labels.missing)", false],
  ['labels.missing == ""', true],
  ['resource.metadata.labels["env"] == "prod"', true],
  ['resource.spec.hostname == "ip-172-31-35-170"', true],
  ["exists(resource.spec.nothing.at.all)", false],
  ['contains(resource.spec.tags, "b")', true],
  ['search("172", "CORE")', true],
  ['search("172", "absent")', false],
  ['search("10.0.0")', true],
  ['equals(labels["env"], "prod")', true],
  ['hasPrefix(name, "ip-")', true],
  ['contains(split("a,b", ","), "b")', true],
  ["contains(split(`a,b`, `,`), `c`)", false],
  ["true || false && false", true],
  ['labels["constructor"] == ""', true],
  ["exists(labels.__proto__)", false],
  ["exists(resource.constructor)", false],
];

for (const [source, expected] of filterRows) {
  test(`the filter ${source} is ${expected}`, () => {
    assert.equal(compileResourceFilter(source)(node), expected);
  });
}

test("search words must all occur, in any case", () => {
  assert.equal(matchesSearch(["CORE", "prod"], node), true);
  assert.equal(matchesSearch(["core", "nope"], node), false);
  assert.equal(matchesSearch([], node), true);
});

const alice = {
  name: "alice",
  roles: ["access"],
  traits: { teams: ["core", "web"], email: ["al@x.io"] },
};

test("a where clause compares session participants with the user", () => {
  const where = compileWhere("contains(session.participants, user.metadata.name)");
  assert.equal(where(alice, { sessionParticipants: ["bob", "alice"] }), true);
  assert.equal(where(alice, { sessionParticipants: ["bob"] }), false);
});

test("a where clause about something that is not there is undecidable, even when negated", () => {
  const where = compileWhere("!contains(session.participants, user.metadata.name)");
  assert.throws(
    () => where(alice, {}),
    (error) => isFault(error, "invalid"),
  );
});

const labelRows: readonly (readonly [string, boolean])[] = [
  ['labels["env"] == "prod"', true],
  ['contains(user.spec.traits["teams"], labels["team"])', true],
  ['contains(user.spec.traits["teams"], labels["absent"])', false],
  ['contains_any(user.spec.traits["teams"], labels_matching("te*"))', true],
  ['contains_all(user.spec.traits["absent"], labels_matching("none*"))', false],
  ['regexp.match(labels["env"], "^pr[o0]d$")', true],
  ['regexp.match(user.spec.traits["teams"], `^w`)', true],
  ['contains(regexp.replace(user.spec.traits["teams"], "^(c).(.)e$", "$2$1"), "rc")', true],
  ['contains(email.local(user.spec.traits["email"]), "al")', true],
  ['strings.upper(labels["env"]) == "PROD"', true],
  ['contains(strings.upper(user.spec.traits["teams"]), "WEB")', true],
  ['contains(user.spec.roles, "access") && user.metadata.name == "alice"', true],
  ['exists(user.spec.traits["absent"])', false],
];

for (const [source, expected] of labelRows) {
  test(`the label expression ${source} is ${expected}`, () => {
    assert.equal(compileLabelExpression(source)(alice, node.labels), expected);
  });
}

test("what is absent is the empty text in a function", () => {
  const where = compileWhere('strings.upper(resource.metadata.absent) == ""');
  assert.equal(where(alice, { resource: {} }), true);
});

test("a where clause compares roles and users that somebody wants to impersonate", () => {
  const where = compileWhere(
    'impersonate_role.metadata.name == "bot" && impersonate_user.metadata.name == "ci"',
  );
  const named = (name: string) => ({ metadata: { name } });
  assert.equal(where(alice, { impersonateRole: named("bot"), impersonateUser: named("ci") }), true);
  assert.equal(where(alice, { impersonateRole: named("bot"), impersonateUser: named("x") }), false);
});

test("a field of another type than the function needs makes the clause undecidable", () => {
  const where = compileWhere('contains(resource.spec.tags, "a")');
  for (const tags of [7, { a: "a" }, [1, 2], true]) {
    assert.throws(
      () => where(alice, { resource: { spec: { tags } } }),
      (error) => isFault(error, "invalid"),
    );
  }
});

test("an evaluation that costs too much is stopped", () => {
  const many = Array.from({ length: 3000 }, (_, index) => `item-${index}`);
  const compiled = compileLabelExpression(
    'contains_any(user.spec.traits["a"], user.spec.traits["b"])',
  );
  assert.throws(() => compiled({ ...alice, traits: { a: many, b: many } }, {}), /costs too much/);
});

test("the values of one evaluation cannot grow without bound", () => {
  let source = 'user.spec.traits["teams"]';
  for (let i = 0; i < 40; i++) source = `regexp.replace(${source}, "^(.*)$", "\${1}\${1}\${1}")`;
  const compiled = compileLabelExpression(`contains(${source}, "x")`);
  assert.throws(
    () => compiled(alice, {}),
    (error) => isFault(error, "invalid", "limit"),
  );
});

test("any text either compiles or is refused as a fault", () => {
  const piece = fc.constantFrom(
    "name",
    "labels",
    ".",
    "[",
    "]",
    "(",
    ")",
    '"a"',
    "`",
    "!",
    "==",
    "&&",
    "||",
    "search",
    ",",
    "'",
    "\\",
    "\n",
    "𝒳",
  );
  const text = fc.oneof(
    fc.string(),
    fc.array(piece, { maxLength: 20 }).map((parts) => parts.join("")),
  );
  fc.assert(
    fc.property(text, (source) => {
      try {
        compileResourceFilter(source)(node);
      } catch (error) {
        assert.ok(error instanceof Fault, String(error));
      }
    }),
    { numRuns: 2000 },
  );
});
