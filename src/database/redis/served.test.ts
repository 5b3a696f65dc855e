/** Which commands of Redis end a session, however they come. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { CommandWatch } from "#dbwire/redis/commands.ts";
import { encodeCommand } from "#dbwire/redis/replies.ts";
import { assertServed } from "./served.ts";

function push(bytes: string | Buffer): void {
  new CommandWatch(100, assertServed).push(Buffer.from(bytes));
}

for (const command of ["AUTH bob x", "HELLO 3 AUTH bob x", "reset"]) {
  test(`${command} is refused: it would change the user`, () => {
    for (const bytes of [encodeCommand(command.split(" ")), `${" ".repeat(200)}${command}\r\n`]) {
      assert.throws(
        () => push(bytes),
        (error) => isFault(error, "access-denied") && /change the user/.test(error.message),
      );
    }
  });
}

for (const command of ["SYNC", "PSYNC ? -1", "replconf listening-port 6380"]) {
  test(`${command} is refused: replication is not served`, () => {
    for (const bytes of [encodeCommand(command.split(" ")), ` ${command}\r\n`]) {
      assert.throws(
        () => push(bytes),
        (error) => isFault(error, "access-denied") && /replication/.test(error.message),
      );
    }
  });
}

test("what names these words elsewhere passes", () => {
  push(encodeCommand(["GET", "AUTH"]));
  push("HELLO 3\r\nCOMMAND INFO psync\r\n");
});
