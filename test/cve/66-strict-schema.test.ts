/**
 * teleport#1630, teleport#10885: a mistyped key that is silently ignored, so that a rule does not hold which its author
 * sees in the file. Class 66 of docs/bug-classes.md, in resource files, in the config file and in requests.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { checkConfig } from "#daemon/config/load.ts";
import { checkDocuments, parseDocuments } from "#resource/yaml/documents.ts";

const role = (body: string) => `kind: role\nversion: v7\nmetadata: {name: x}\nspec:\n${body}\n`;

/** Text, line, column, and the word that is proposed. */
const mistakes: readonly (readonly [string, string, number, number, RegExp])[] = [
  ["option", role("  options: {device_trust_mod: required}"), 5, 13, /device_trust_mode/],
  ["deny", role("  denny: {logins: [root]}"), 5, 3, /deny/],
  ["place", role("  device_trust_mode: required"), 5, 3, /options/],
  ["value", role("  options: {device_trust_mode: requierd}"), 5, 32, /required/],
  ["type", role("  options: {forward_agent: maybe}"), 5, 28, /true|false/],
  ["twice", role("  deny: {logins: [root]}\n  deny: {}"), 6, 3, /remove/],
  ["kind", "kind: rol\nversion: v7\nmetadata: {name: x}\nspec: {}\n", 1, 7, /role/],
  [
    "lock",
    "kind: lock\nversion: v2\nmetadata: {name: x}\nspec:\n  target: {usr: a}\n",
    5,
    12,
    /user/,
  ],
];

for (const [what, text, line, column, proposal] of mistakes) {
  test(`a mistake (${what}) is refused at its place, with the word that was meant`, () => {
    const source = "x.yaml";
    assert.throws(
      () => parseDocuments(text, { source }),
      (error) => isFault(error, "invalid"),
    );
    const here = checkDocuments(text, { source }).diagnostics.filter(
      (each) => each.line === line && each.column === column,
    );
    const words = here.map(({ message, suggestion = "" }) => `${message} ${suggestion}`);
    assert.match(words.join("\n"), proposal);
  });
}

test("a mistyped key of the config file is refused, too", () => {
  const text = "version: v3\nauth_service:\n  authentication:\n    second_facter: on\n";
  const { config, diagnostics } = checkConfig(text, {
    ...{ source: "gatehouse.yaml", hostname: "h", readText: () => "" },
  });
  assert.equal(config, undefined);
  const [first] = diagnostics;
  assert.deepEqual([first?.line, first?.column], [4, 5]);
  assert.match(`${first?.message} ${first?.suggestion ?? ""}`, /second_factor/);
});
