import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { mustSwitch } from "#node/session/launch.ts";

const account = { name: "ubuntu", uid: 1000, gid: 1000, home: "/home/ubuntu", shell: "/bin/sh" };

test("root changes to the account, and everybody is themselves", () => {
  assert.equal(mustSwitch(account, { uid: 0, username: "root" }), true);
  assert.equal(mustSwitch(account, { uid: 1000, username: "ubuntu" }), false);
  assert.equal(mustSwitch({ ...account, uid: 0 }, { uid: 0, username: "root" }), false);
});

test("an ordinary user says that it cannot be somebody else", () => {
  assert.throws(
    () => mustSwitch(account, { uid: 1001, username: "agent" }),
    (error) => {
      assert.ok(isFault(error, "environment"));
      assert.match(error.message, /runs as "agent" and cannot start programs as "ubuntu"/);
      assert.equal(error.hint, "log in as agent, or run the agent as root");
      return true;
    },
  );
});
