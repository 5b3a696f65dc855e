/** What role authors, users and identity providers write: expressions, templates, patterns, regular expressions. */
import assert from "node:assert/strict";
import { concat, utf8 } from "#base/bytes.ts";
import { matchesPattern, matchLabels } from "#expression/label-match.ts";
import { compilePostureRule } from "#expression/posture.ts";
import { compileRegex } from "#expression/regex.ts";
import { compileLabelExpression, compileResourceFilter, compileWhere } from "#expression/scopes.ts";
import { assertTemplate, expandTemplate, isTemplate } from "#expression/template.ts";
import { type Target, textOf } from "../target.ts";

const user = {
  name: "alice",
  roles: ["access", "editor"],
  traits: { logins: ["root", "a".repeat(2000)], team: ["a@b.c", "Ünï"] },
};
const labels = { env: "prod", "a/b": "x".repeat(500), team: "a" };

const seeds: readonly (readonly string[])[] = [
  [
    'labels["env"] == "prod" && !equals(name, "x") || search("a", "b")',
    'hasPrefix(resource.spec.hostname, "n") || exists(labels.team)',
    'regexp.match(labels["env"], "^(p|q)r+o?d$")',
  ],
  [
    'equals(resource.spec.login, user.metadata.name) && contains(user.spec.roles, "access")',
    'has_prefix(user.metadata.name, "a") || set("a","b").contains("a")',
  ],
  [
    'contains(user.spec.traits["team"], labels["team"])',
    'user.spec.traits.logins.contains("root") && labels_matching("a*").contains_any(set("x"))',
    'contains_all(regexp.replace(user.spec.traits["logins"], "^(.*)$", "$1$1"), set("b"))',
  ],
  [
    "{{internal.logins}}",
    "a-{{email.local(external.team)}}-b",
    '{{regexp.replace(external.logins, "^(a+)$", "$1")}}',
  ],
  ["a*b*c", "^(a|b)*c{2,5}[^x-z]\\d\\w\\bx?$", "*", "^((a*)*)*$", "^\\pL+(?i:x)$"],
  [
    'device.os == "linux" && (device.secure_boot || at_most(device.data_age, "12h"))',
    '!version_at_least(device.os_version, "22.04") || device.owner == user.metadata.name',
    'contains(set("jamf", "intune"), device.origin) && exists(device.model)',
  ],
];

/** The first byte chooses the language. */
export const expression: Target = {
  name: "expression",
  maxLength: 18_000,
  dictionary: [
    ...[
      "&&",
      "||",
      "!",
      "==",
      "(",
      ")",
      "[",
      "]",
      ".",
      ",",
      '"',
      "'",
      "\\",
      "{{",
      "}}",
      "()",
      "(?:",
      "|",
    ],
    ...[
      "*",
      "+",
      "?",
      "{1000}",
      "{0,1000}",
      "[^a]",
      "(?P<n>a)",
      "$1",
      "labels",
      "user.spec.traits",
    ],
    ...[
      "resource",
      "contains(",
      "regexp.replace(",
      "regexp.match(",
      "\\x{10FFFF}",
      "^",
      "$",
      "set(",
    ],
  ],
  open: () => ({
    seeds: seeds.flatMap((texts, kind) =>
      texts.map((text) => concat(Uint8Array.of(kind), utf8(text))),
    ),
    run: (input) => judge((input[0] ?? 0) % 6, textOf(input.subarray(1))),
  }),
};

function judge(kind: number, text: string): string {
  if (kind === 0) {
    const resource = { kind: "node", spec: { hostname: "node", list: [1, "a", {}] } };
    return `filter ${compileResourceFilter(text)({ name: "node", labels, resource })}`;
  }
  if (kind === 1)
    return `where ${compileWhere(text)(user, { resource: { spec: { login: "x" } } })}`;
  if (kind === 2) return `labels ${compileLabelExpression(text)(user, labels)}`;
  if (kind === 3) {
    const values = expandTemplate(text, user.traits);
    assert.ok(isTemplate(text) || values[0] === text);
    assertTemplate(text);
    return `template ${Math.min(values.length, 3)}`;
  }
  if (kind === 5) return judgePosture(text);
  const regex = compileRegex(text);
  const found = regex.test("a".repeat(4000)) || regex.test("prod");
  regex.replace("abcabc".repeat(100), "<$1>");
  matchLabels({ env: [text], team: ["*"] }, labels);
  return `regex ${found} ${matchesPattern(text, "abc")}`;
}

/** A rule about a device: what is met while something is not known stays met, whatever that is. */
function judgePosture(text: string): string {
  const rule = compilePostureRule(text);
  const known = { os: "linux", os_version: "22.04.1", owner: "alice", data_age: 3_600_000 };
  const unknown = rule.decide(user, known).met;
  for (const secure_boot of [true, false]) {
    const more = { ...known, secure_boot, origin: secure_boot ? "jamf" : "", model: "x" };
    assert.ok(!unknown || rule.decide(user, more).met, "a further fact takes away what was met");
  }
  return `posture ${unknown}`;
}
