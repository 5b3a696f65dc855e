/** Answers of a simulation that are not whole must not read as good news. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { isFault } from "#base/fault.ts";
import { SimulateDeviceTrustResponseSchema } from "#gen/gatehouse/v1/admin_pb.ts";
import { readSimulation } from "./api-simulation.ts";

type Part = NonNullable<MessageInitShape<typeof SimulateDeviceTrustResponseSchema>["part"]>;

const totals: Part = { case: "totals", value: { users: 1n, lost: 3n } };
const login = { user: "bob", login: "root", check: "cluster-device-mode", reason: "no" };
const servers = (group: number, ...names: readonly string[]): Part => ({
  case: "servers",
  value: { group, servers: names.map((hostname) => ({ id: hostname, hostname })) },
});
const logins = (group: number): Part => ({
  case: "logins",
  value: { logins: [{ ...login, group }] },
});

function read(...parts: readonly Part[]) {
  async function* answer() {
    for (const part of parts) yield create(SimulateDeviceTrustResponseSchema, { part });
  }
  return readSimulation(answer());
}

test("a group may come in several parts, and empty names are none", async () => {
  const answer = await read(servers(0, "a"), servers(0, "b"), servers(1, "c"), logins(1), totals);
  assert.deepEqual(
    answer.groups.map((group) => group.map(({ hostname }) => hostname)),
    [["a", "b"], ["c"]],
  );
  assert.deepEqual(answer.logins, [
    { ...login, group: 1, device: undefined, lostDevices: [], role: undefined },
  ]);
  assert.deepEqual([answer.totals.lost, answer.modeBefore], [3, undefined]);
});

for (const [name, parts] of [
  ["without totals", [servers(0, "a"), logins(0)]],
  ["that is empty", []],
  ["with a login on servers that it does not tell", [servers(0, "a"), logins(1), totals]],
  ["with a gap between its groups", [servers(7, "a"), totals]],
  ["with a group of an absurd number", [servers(4_294_967_295, "a"), totals]],
] as const) {
  test(`an answer ${name} is refused`, async () => {
    await assert.rejects(read(...parts), (error) => isFault(error, "malformed"));
  });
}
