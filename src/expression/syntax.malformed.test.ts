import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { compileLabelExpression, compileResourceFilter, compileWhere } from "./scopes.ts";

const rows: readonly (readonly [string, RegExp, RegExp?])[] = [
  ["", /expected a name, a string or an opening bracket, found the end at column 1/],
  ["name ==", /found the end at column 8/],
  ['name == "x', /string without closing quote at column 9/],
  ["name == `x", /string without closing backquote/],
  ["name = 1", /unexpected character "=" at column 6/, /==/],
  ["name == 'x'", /unexpected character "'"/, /double quotes/],
  ['name == "x" name', /expected an operator or the end, found "name" at column 13/],
  ["(name == name", /expected "\)", found the end/],
  ["search()", /takes at least 1 argument, not 0,/],
  ["equals(name)", /takes 2 arguments, not 1,/],
  ["hasPrefx(name, name)", /unknown function "hasPrefx" at column 1/, /did you mean "hasPrefix"/],
  ["nam == name", /unknown identifier "nam" at column 1/, /did you mean "name"/],
  ["constructor == name", /unknown identifier "constructor"/],
  ["toString()", /unknown function "toString"/],
  ["name", /the expression is a string, not true or false/],
  ["labels == labels", /cannot be compared/],
  ["name == 1", /a value of type string cannot be compared with one of type number/],
  ["!name", /expected a boolean, found a value of type string/],
  ["name && true", /expected a boolean/],
  ['resource."x" == name', /expected a name, found "x" at column 10/],
  ["name.x == name", /a value of type string has no members/],
  ['"a\\q" == name', /unknown escape/],
  ["labels[1] == name", /expected a string, found a value of type number/],
  ["name == name == name", /expected an operator or the end/],
  ["\n\n  nam == name", /line 3, column 3/],
  [`${"(".repeat(65)}true${")".repeat(65)}`, /nested deeper than 64/],
  [`${"!".repeat(65)}true`, /nested deeper than 64/],
  [`resource${".a".repeat(70)} == ""`, /nested deeper than 64/],
  ["(".repeat(16_000), /nested deeper than 64/],
  [`name == "${"x".repeat(17_000)}"`, /longer than 16384/],
];

for (const [source, message, hint] of rows) {
  test(`the filter ${JSON.stringify(source.slice(0, 40))} is refused`, () => {
    assert.throws(
      () => compileResourceFilter(source),
      (error) => {
        assert.ok(isFault(error, "invalid"));
        assert.match(error.message, message);
        if (hint !== undefined) assert.match(error.hint ?? "", hint);
        return true;
      },
    );
  });
}

test("a long flat chain is no deep nesting", () => {
  const source = Array.from({ length: 2000 }, () => "true").join("&&");
  assert.equal(compileResourceFilter(source)({ name: "", labels: {}, resource: {} }), true);
});

test("a broken regular expression is refused before it is stored, with its place", () => {
  assert.throws(
    () => compileLabelExpression('regexp.match(labels["a"], "(x")'),
    /group without closing bracket at column 27/,
  );
});

test("a prefix of an identifier is no identifier", () => {
  assert.throws(
    () => compileWhere("user.spec.trait == user.metadata.name"),
    (error) => {
      assert.ok(isFault(error, "invalid"));
      assert.match(error.message, /unknown identifier "user.spec.trait" at column 1/);
      assert.equal(error.hint, 'did you mean "user.spec.traits"?');
      return true;
    },
  );
  assert.throws(() => compileWhere("user == user"), /unknown identifier "user"/);
});
