/** Start-ups that would begin a session in a role that nobody allowed, by name. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { serverParameters } from "./parameters.ts";

const user: readonly [string, string] = ["user", "alice"];

const attacks: readonly [string, readonly [string, string]][] = [
  ["a role", ["role", "admin"]],
  ["a role in capitals", ["ROLE", "admin"]],
  ["a session authorization", ["session_authorization", "admin"]],
  ["-c role in options", ["options", "-c role=admin"]],
  ["-crole in options", ["options", "-crole=admin"]],
  ["a flag before it in one word", ["options", "-ec role=admin"]],
  ["a flag and the name in one word", ["options", "-ecRole=admin"]],
  ["--role in options", ["options", "-c work_mem=1MB\t--role=admin"]],
  ["a role behind backslashes", ["options", "-c\\ r\\ole=admin -c r\\o\\le=admin"]],
  ["--session-authorization", ["options", "--session-authorization=admin"]],
  ["-c session_authorization", ["options", "-c session_authorization=admin"]],
];

for (const [name, parameter] of attacks) {
  test(`refuses a start-up with ${name}, whether or not a role was chosen`, () => {
    for (const roles of [[], ["auditors"]]) {
      assert.throws(
        () => serverParameters(new Map([user, parameter]), roles),
        (error) => isFault(error, "access-denied") && error.hint !== undefined,
      );
    }
  });
}

test("the chosen role and other options go to the server", () => {
  const options = "-c search_path=a,role -c session_replication_role=replica --work-mem=1MB";
  const given = new Map([user, ["options", options], ["_pq_.x", "1"]]);
  const asked = [user, ["options", options], ["role", "auditors"]];
  assert.deepEqual([...serverParameters(given, ["auditors"])], asked);
});
