import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { createFakeAuth } from "../../test/support/cli/fake-auth.ts";
import { createMemoryConsole } from "../../test/support/cli/memory-console.ts";
import { confirmOwnRemoval } from "./own-account.ts";

const auth = createFakeAuth([], new Date("2026-11-21T05:50:47Z"));

/** What a person at a terminal is shown, who answers so. */
async function ask(user: string, answer: string): Promise<string> {
  const console = { ...createMemoryConsole({ stdin: `${answer}\n` }), interactive: true };
  await confirmOwnRemoval(auth, user, console);
  return console.stderr();
}

test("whoever deletes the user that they act as is asked, and nobody else", async () => {
  assert.match(await ask("alice", "y"), /"alice" is you: .* Delete it\? \[y\/N\]/);
  assert.equal(await ask("bob", ""), "");
});

test("anything but a yes keeps the user", async () => {
  for (const answer of ["", "n", "alice"]) {
    await assert.rejects(
      ask("alice", answer),
      (error) => isFault(error, "canceled") && /was not deleted/.test(error.message),
    );
  }
});
