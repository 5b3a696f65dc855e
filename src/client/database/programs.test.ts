/** Names of databases and users stay names, whatever stands in them (bug class 53, CVE-2021-41395). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import type { DatabaseRoute } from "#identity/identity.ts";
import { commandOf, findCommand } from "./programs.ts";

const end = { host: "127.0.0.1", port: 5432 };
const route = (username: string, database: string): DatabaseRoute => ({
  ...{ serviceName: "orders-db", protocol: "postgres", username, database, roles: [] },
});

test("psql gets user and name as values of one connection string", () => {
  assert.deepEqual(commandOf("postgres", end, route("alice", "orders")), {
    program: "psql",
    args: ["host=127.0.0.1 port=5432 user=alice dbname=orders sslmode=disable gssencmode=disable"],
  });
});

for (const name of [
  "orders host=evil.example.com",
  "orders' host='evil.example.com",
  "orders\\' host=evil",
  "postgres://evil.example.com/",
]) {
  test(`"${name}" changes no other parameter of a connection`, () => {
    const [text = ""] = commandOf("postgres", end, route("alice", name)).args;
    const value = / dbname='((?:[^'\\]|\\.)*)' sslmode=disable gssencmode=disable$/.exec(text)?.[1];
    assert.equal(value?.replace(/\\(.)/g, "$1"), name, text);
  });
}

test("a name that looks like a flag is the value of one", () => {
  const { args } = commandOf("mysql", end, route("--init-command=x", "-e"));
  assert.ok(args.includes("--user=--init-command=x") && args.includes("--database=-e"));
});

test("a client that is not installed is named with its package", () => {
  assert.throws(
    () => findCommand("postgres", end, route("alice", ""), "/nonexistent"),
    (error) => isFault(error, "environment") && /postgresql-client/.test(error.hint ?? ""),
  );
});
