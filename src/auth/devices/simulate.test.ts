/** A device mode or a posture rule tried on a cluster: who is told to lose what, who may ask, and that nothing changes. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { isFault } from "#base/fault.ts";
import type { SimulateDeviceTrustResponse } from "#gen/gatehouse/v1/admin_pb.ts";
import { parseResourceOf } from "#resource/parse.ts";
import { enrollAs, logIn } from "../../../test/support/auth-person.ts";
import { startTestAuth, type TestAuth } from "../../../test/support/auth-service.ts";
import { SimulatedTpmDevice } from "../../../test/support/simulated-devices.ts";

const manyServers = 1201;

let cluster: TestAuth;
before(async () => {
  cluster = await startTestAuth();
  const { stores } = cluster.auth.context;
  for (let index = 0; index < manyServers; index++) {
    await stores.nodes.create(
      parseResourceOf("node", {
        kind: "node",
        metadata: { name: `id-${index}`, labels: { env: index === 0 ? "dev" : "prod" } },
        spec: { hostname: `host-${index}` },
      }),
    );
  }
  await stores.roles.create(
    parseResourceOf("role", {
      kind: "role",
      version: "v7",
      metadata: { name: "dev" },
      spec: { allow: { node_labels: { env: "dev" }, logins: ["{{internal.logins}}"] } },
    }),
  );
  const anna = await logIn(cluster, "anna", { roles: ["access", "editor"] });
  await enrollAs(cluster, anna, new SimulatedTpmDevice("linux"));
  await logIn(cluster, "bert", { roles: ["access"] });
  await logIn(cluster, "cleo", { roles: ["dev"] });
  // Names a role that is gone: nobody gets a certificate for it.
  await stores.users.create(
    parseResourceOf("user", {
      kind: "user",
      version: "v2",
      metadata: { name: "dora" },
      spec: { roles: ["access", "gone"], traits: { logins: ["root"] } },
    }),
  );
});
after(() => cluster.close());

type Part = SimulateDeviceTrustResponse["part"];

async function simulate(mode: string, role = "", posture: readonly string[] = []) {
  const explain = await cluster.as("Admin").service("explain");
  const parts: Part[] = [];
  for await (const { part } of explain.simulateDeviceTrust({ mode, role, posture: [...posture] }))
    parts.push(part);
  const servers = new Map<number, string[]>();
  const logins = [];
  for (const part of parts) {
    if (part.case === "servers") {
      assert.ok(part.value.servers.length <= 500, "a part has no bound");
      const known = servers.get(part.value.group) ?? [];
      servers.set(part.value.group, [...known, ...part.value.servers.map((each) => each.hostname)]);
    }
    if (part.case === "logins") {
      for (const login of part.value.logins) {
        assert.ok(servers.has(login.group), "a group is used before it is told");
        logins.push({ ...login, count: servers.get(login.group)?.length });
      }
    }
  }
  const last = parts.at(-1);
  assert.equal(last?.case, "totals");
  return { logins, servers, totals: last?.case === "totals" ? last.value : undefined };
}

test("who loses what, who keeps it by which device, and how much that is", async () => {
  const { logins, totals } = await simulate("required");
  assert.deepEqual(
    logins.map(({ user, login, count, device, check, role }) => {
      return [user, login, count, device, check, role];
    }),
    [
      ["anna", "root", 1, "PF47WND6", "cluster-device-mode", ""],
      ["anna", "root", manyServers - 1, "PF47WND6", "cluster-device-mode", ""],
      ["bert", "root", 1, "", "cluster-device-mode", ""],
      ["bert", "root", manyServers - 1, "", "cluster-device-mode", ""],
      ["cleo", "root", 1, "", "cluster-device-mode", ""],
    ],
  );
  assert.deepEqual(
    [totals?.modeBefore, totals?.users, totals?.servers, totals?.lost, totals?.kept],
    ["", 4n, BigInt(manyServers), BigInt(manyServers + 1), BigInt(manyServers)],
  );
});

test("a role's mode touches what the role gives, and the cluster is as it was", async () => {
  const { logins, totals } = await simulate("required", "dev");
  assert.deepEqual(
    logins.map(({ user, count, role, check }) => [user, count, role, check]),
    [["cleo", 1, "dev", "role-device-mode"]],
  );
  assert.deepEqual([totals?.lost, totals?.kept], [1n, 0n]);
  assert.equal(totals?.unchanged, BigInt(2 * manyServers));
  const { roles, authPreference } = cluster.auth.context.stores;
  assert.equal((await roles.get("dev")).spec.options.device_trust_mode, undefined);
  const preference = await authPreference.get("cluster-auth-preference");
  assert.equal(preference.spec.device_trust?.mode, undefined);
  assert.deepEqual((await simulate("optional")).logins, []);
});

test("a posture rule meets what is known of the devices, by the role that it is tried at", async () => {
  const told = async (rule: string, role = "") => {
    const { logins } = await simulate("", role, [rule]);
    return logins.map(({ user, count, device, lostDevices, check, role: of }) => {
      return [user, count, device, lostDevices.join(), check, of];
    });
  };
  const place = ["cluster-device-posture", ""];
  assert.deepEqual(await told('device.os == "linux" && device.owner == user.metadata.name'), [
    ["anna", 1, "PF47WND6", "", ...place],
    ["anna", manyServers - 1, "PF47WND6", "", ...place],
    ["bert", 1, "", "", ...place],
    ["bert", manyServers - 1, "", "", ...place],
    ["cleo", 1, "", "", ...place],
  ]);
  const ofRole = ["role-device-posture", "access"];
  assert.deepEqual(await told('device.os == "macos"', "access"), [
    ["anna", 1, "", "PF47WND6", ...ofRole],
    ["anna", manyServers - 1, "", "PF47WND6", ...ofRole],
    ["bert", 1, "", "", ...ofRole],
    ["bert", manyServers - 1, "", "", ...ofRole],
  ]);
});

test("a mode that does not exist, a rule that does not compile, a role that is not there, and nothing", async () => {
  await assert.rejects(simulate("", "", ["device.secure_boat"]), (error) =>
    isFault(error, "invalid"),
  );
  await assert.rejects(simulate(""), (error) => isFault(error, "invalid"));
  await assert.rejects(simulate("sometimes"), (error) => isFault(error, "invalid"));
  await assert.rejects(simulate("required", "nobody"), (error) => isFault(error, "not-found"));
});

test("every one of the permissions is needed", async () => {
  const kinds = ["user", "role", "node", "device", "cluster_auth_preference"];
  const { stores } = cluster.auth.context;
  for (const missing of ["", ...kinds]) {
    const name = `without-${missing || "nothing"}`;
    const resources = kinds.filter((kind) => kind !== missing);
    await stores.roles.create(
      parseResourceOf("role", {
        kind: "role",
        version: "v7",
        metadata: { name },
        spec: { allow: { rules: [{ resources, verbs: ["list", "read"] }] } },
      }),
    );
    const { client } = await logIn(cluster, name, { roles: [name] });
    const ask = async () => {
      const explain = await client.service("explain");
      for await (const _ of explain.simulateDeviceTrust({ mode: "off" })) break;
    };
    if (missing === "") await ask();
    else await assert.rejects(ask(), (error) => isFault(error, "access-denied"), missing);
  }
});
