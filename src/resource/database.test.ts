/** What a database resource accepts, and what it refuses because clients put its name into paths and addresses. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { addressOfDatabase, type Database } from "./database.ts";
import { parseResourceOf } from "./parse.ts";

function database(name: string, spec: object): Database {
  return parseResourceOf("db", { kind: "db", version: "v3", metadata: { name }, spec });
}

test("an address without a port gets the port of the protocol", () => {
  const rows = [
    ["postgres", "db.example.com", { host: "db.example.com", port: 5432 }],
    ["postgres", "db.example.com:6000", { host: "db.example.com", port: 6000 }],
    ["mysql", "10.0.0.7", { host: "10.0.0.7", port: 3306 }],
    ["redis", "[::1]", { host: "::1", port: 6379 }],
  ] as const;
  for (const [protocol, uri, address] of rows) {
    assert.deepEqual(addressOfDatabase(database("orders", { protocol, uri })), address);
  }
});

for (const name of [
  "../orders",
  "a b",
  "orders;drop",
  "Orders",
  "orders?sslmode=off",
  "-x",
  "x-",
]) {
  test(`refuses the name "${name}": clients put names into paths and connection strings`, () => {
    assert.throws(
      () => database(name, { protocol: "postgres", uri: "localhost" }),
      (error) => isFault(error, "invalid"),
    );
  });
}

for (const uri of ["postgres://db:5432", "db:5432/orders", "db:99999", "", "a b:1"]) {
  test(`refuses "${uri}" as the address of a server`, () => {
    assert.throws(
      () => database("orders", { protocol: "postgres", uri }),
      (error) => isFault(error, "invalid"),
    );
  });
}

test("takes the words of configurations for how much of a certificate is checked", () => {
  const tls = { mode: "verify-ca" };
  assert.equal(
    database("orders", { protocol: "postgres", uri: "db", tls }).spec.tls?.mode,
    "verify_ca",
  );
});
