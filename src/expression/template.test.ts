import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { assertTemplate, expandTemplate, expandTemplates } from "./template.ts";

const traits = {
  logins: ["root", "ubuntu"],
  email: ["Alice <alice@example.com>", "no address"],
  team: ["core-eu", "web"],
  "with.dot": ["d"],
  blank: [""],
};

const rows: readonly (readonly [string, readonly string[]])[] = [
  ["root", ["root"]],
  ["{{internal.logins}}", ["root", "ubuntu"]],
  ["{{ internal.logins }}", ["root", "ubuntu"]],
  ["{{external.logins}}", ["root", "ubuntu"]],
  ['{{external["with.dot"]}}', ["d"]],
  ["{{external.absent}}", []],
  ["{{external.constructor}}", []],
  ["{{external.blank}}", []],
  ["x-{{external.blank}}", []],
  ["dev-{{internal.logins}}@host", ["dev-root@host", "dev-ubuntu@host"]],
  ["{{email.local(external.email)}}", ["alice"]],
  ['{{regexp.replace(external.team, "^(.*)-eu$", "$1")}}', ["core"]],
  ["{{strings.upper(external.team)}}", ["CORE-EU", "WEB"]],
  ["^{{external.team}}-[a-z]{2}$", ["^core-eu-[a-z]{2}$", "^web-[a-z]{2}$"]],
];

for (const [text, expected] of rows) {
  test(`${text} gives ${JSON.stringify(expected)}`, () => {
    assertTemplate(text);
    assert.deepEqual(expandTemplate(text, traits), expected);
  });
}

test("expansion keeps order and removes duplicates", () => {
  assert.deepEqual(expandTemplates(["ubuntu", "{{internal.logins}}"], traits), ["ubuntu", "root"]);
});

const refused: readonly (readonly [string, RegExp, RegExp?])[] = [
  ["{{internal.login}}", /unknown trait "internal.login"/, /did you mean "logins"/],
  ["{{internal.constructor}}", /unknown trait/],
  ["{{email.local(internal.nope)}}", /unknown trait/],
  ["{{exteral.x}}", /unknown identifier "exteral" at column 1/, /did you mean "external"/],
  ["{{external.a}}{{external.b}}", /is not a template/],
  ["{{external.a", /is not a template/],
  ["external.a}}", /is not a template/],
  ["}}x{{", /is not a template/],
  ["{{}}", /expected a name/],
  ['{{regexp.replace(external.x, "(", "y")}}', /group without closing bracket/],
  ["{{external}}", /does not name one trait/],
];

for (const [text, message, hint] of refused) {
  test(`${text} is refused when saved and gives nothing when expanded`, () => {
    assert.throws(
      () => assertTemplate(text),
      (error) => {
        assert.ok(isFault(error, "invalid"));
        assert.match(error.message, message);
        if (hint !== undefined) assert.match(error.hint ?? "", hint);
        return true;
      },
    );
    assert.deepEqual(expandTemplate(text, traits), []);
  });
}
