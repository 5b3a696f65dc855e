/** Importing an inventory against a real auth service in memory. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { enrollAs, logIn } from "../../test/support/auth-person.ts";
import { startTestAuth } from "../../test/support/auth-service.ts";
import { SimulatedAppleDevice } from "../../test/support/simulated-devices.ts";
import { createApiClient } from "./api-client.ts";
import type { InventoryPlan } from "./auth-client.ts";

const mac = (asset_tag: string, os_version = "15.1") => ({
  os_type: "macos" as const,
  asset_tag,
  profile: { os_version },
});

function planOf(...devices: InventoryPlan["devices"]): InventoryPlan {
  return { source: "assets", devices, removeMissing: true, onProgress: () => {} };
}

test("devices are added, updated and removed; what is refused is said; an enrollment stays", async () => {
  const cluster = await startTestAuth();
  const admin = await logIn(cluster, "admin");
  await enrollAs(cluster, admin, new SimulatedAppleDevice());
  const client = createApiClient(admin.client.grpc);
  const many = Array.from({ length: 1203 }, (_, i) => mac(`A${i}`));
  const sent: number[] = [];
  const first = await client.syncDevices({
    ...planOf(...many, mac("PF47WND6"), mac("x".repeat(101))),
    onProgress: (count) => sent.push(count),
  });
  assert.deepEqual(sent, [500, 1000, 1205]);
  assert.deepEqual(
    first.refused.map(({ assetTag }) => assetTag.length),
    [101],
  );
  assert.match(first.refused[0]?.reason ?? "", /at most 100 characters/);
  assert.deepEqual(first.removed, []);
  const second = await client.syncDevices(planOf(mac("PF47WND6", "15.2"), mac("A7")));
  assert.equal(second.removed.length, 1202);
  const devices = await client.list("device");
  const rows = devices.map(({ spec }) => [spec.asset_tag, spec.source?.name, spec.enroll_status]);
  assert.deepEqual(rows.sort(), [
    ["A7", "assets", "not_enrolled"],
    ["PF47WND6", "assets", "enrolled"],
  ]);
  await cluster.close();
});

test("whoever may not delete devices may not import an inventory either", async () => {
  const cluster = await startTestAuth();
  const person = await logIn(cluster, "person", { roles: ["device-enroll"] });
  const client = createApiClient(person.client.grpc);
  await assert.rejects(client.syncDevices(planOf(mac("A"))), (error) =>
    isFault(error, "access-denied"),
  );
  await cluster.close();
});
