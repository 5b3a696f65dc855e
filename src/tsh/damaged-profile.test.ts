/** A file of the login that holds something else: every command names it, and says how it is written anew. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { getLogin } from "#client/profile/logins.ts";
import { loginPaths } from "#client/profile/paths.ts";
import { startTestHome } from "../../test/support/client/tsh.ts";

const files = [
  ["sshCertificate", "the SSH certificate", ["status", "ls"]],
  ["sshKey", "the SSH key", ["ls"]],
] as const;
const garbage = (whole: string) => ({
  "something else": "garbage\n",
  "half a line": whole.slice(0, Math.floor(whole.length / 2)),
  "another kind of key":
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKqP3pL0d0Vq0o2fJm8c3l0H2Tt7m9a2o2bqf0m1T7tq x\n",
});

for (const [file, what, commands] of files) {
  test(`garbage in the file of ${what} is told with the file and the way out`, async (context) => {
    const home = await startTestHome();
    context.after(() => home.close());
    const login = await getLogin(home.services.folder);
    const path = loginPaths(login.folder, login.key)[file];
    for (const [name, text] of Object.entries(garbage(readFileSync(path, "utf8")))) {
      writeFileSync(path, text);
      for (const command of commands) {
        const { code, stderr } = await home.run([command]);
        assert.equal(code, 1, `${command} with ${name}`);
        const [error, , hint] = stderr.split("\n");
        assert.equal(error, `ERROR: ${what} of this login is damaged: ${path}`, name);
        assert.match(hint ?? "", /^hint: remove it and log in again: rm .*; tsh login --proxy=/);
      }
    }
  });
}
