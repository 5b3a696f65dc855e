/** As whom a database is reached: what is said, else what was chosen before, else what alone is allowed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { parseResourceOf } from "#resource/parse.ts";
import { chooseRoute, databaseNamed } from "./choose.ts";

const database = parseResourceOf("db", {
  kind: "db",
  metadata: { name: "orders-db" },
  spec: { protocol: "postgres", uri: "localhost" },
});
const allowed = (databaseUsers: string[], databaseNames: string[] = []) => ({
  databaseUsers,
  databaseNames,
});
const stored = {
  ...{ serviceName: "orders-db", protocol: "postgres" },
  ...{ username: "bob", database: "old", roles: ["r"] },
};

test("what is said counts more than what was chosen before", () => {
  const wish = { dbUser: "alice", dbRoles: [] };
  assert.deepEqual(chooseRoute(database, wish, stored, allowed(["x"])), {
    ...stored,
    username: "alice",
  });
});

test("the only user and name that roles allow need not be said", () => {
  const route = chooseRoute(database, { dbRoles: [] }, undefined, allowed(["alice"], ["orders"]));
  assert.deepEqual([route.username, route.database], ["alice", "orders"]);
});

for (const users of [[], ["*"], ["alice", "bob"]]) {
  test(`nobody is chosen for a person who may be ${JSON.stringify(users)}`, () => {
    assert.throws(
      () => chooseRoute(database, { dbRoles: [] }, undefined, allowed(users)),
      (error) => isFault(error, "usage") && /--db-user/.test(error.hint ?? ""),
    );
  });
}

test("a database that is not there leads to the list", () => {
  assert.throws(
    () => databaseNamed([database], "other"),
    (error) => isFault(error, "not-found") && /tsh db ls/.test(error.hint ?? ""),
  );
});
