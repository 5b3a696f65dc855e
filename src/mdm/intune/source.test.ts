/** The Intune service between a simulated Microsoft Graph on the loopback and an auth service in memory. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { FakeIntune, type FakeManagedDevice } from "../../../test/support/fake-mdm/intune.ts";
import { Tenant, usualEntry } from "../../../test/support/fake-mdm/tenant.ts";

const list = "/managedDevices";
const device = (number: number, changes: Partial<FakeManagedDevice> = {}): FakeManagedDevice => ({
  id: `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`,
  serialNumber: `PF${number}`,
  ...changes,
});

async function withTenant(
  devices: FakeManagedDevice[],
  use: (tenant: Tenant, intune: FakeIntune) => Promise<void>,
): Promise<void> {
  const intune = new FakeIntune(devices);
  const tenant = await Tenant.open(intune);
  intune.origin = tenant.mdm.origin;
  try {
    await use(tenant, intune);
  } finally {
    await tenant.close();
  }
}

test("registered devices of systems that can enroll are taken over, page by page", () =>
  withTenant(
    [
      ...Array.from({ length: 12 }, (_, i) => device(i + 1)),
      device(13, { operatingSystem: "macOS", osVersion: "14.1.2 (23B92)", model: "MacBook Pro" }),
      device(14, { operatingSystem: "Linux", osVersion: "22.04" }),
      device(15, { operatingSystem: "iPadOS", osVersion: "17.1" }),
      device(16, { operatingSystem: "Android" }),
      device(17, { deviceRegistrationState: "revoked" }),
      device(18, { serialNumber: null }),
      device(19, { serialNumber: "0" }),
    ],
    async (tenant) => {
      await tenant.syncIntune();
      const devices = await tenant.devices();
      assert.equal(devices.size, 15);
      assert.deepEqual(devices.get("PF1")?.source, { name: "intune", origin: "intune" });
      const profile = (tag: string) => {
        const { update_time: _, external_id: __, ...rest } = devices.get(tag)?.profile ?? {};
        return rest;
      };
      assert.deepEqual(profile("PF1"), {
        model_identifier: "ThinkPad X1",
        os_version: "10.0.22621",
        os_build: "22621",
      });
      assert.deepEqual(profile("PF13"), { os_version: "14.1.2", os_build: "23B92" });
      const fields = tenant.lastLine("Sync complete");
      assert.equal(fields?.["skipped: not eligible"], 2);
      assert.equal(fields?.["skipped: no serial number"], 2);
      assert.equal(tenant.mdm.requestsTo(list).length, 2);
    },
  ));

test("devices that are gone, or whose serial number or system has changed, are removed", () =>
  withTenant([device(1), device(2), device(3), device(4)], async (tenant, intune) => {
    await tenant.syncIntune();
    intune.devices = [
      device(1),
      device(2, { serialNumber: "NEWBOARD" }),
      device(3, { operatingSystem: "Linux", osVersion: "22.04" }),
    ];
    await tenant.syncIntune();
    const rows = [...(await tenant.devices())].map(([tag, { os_type }]) => `${tag} ${os_type}`);
    assert.deepEqual(rows.sort(), ["NEWBOARD windows", "PF1 windows", "PF3 linux"]);
  }));

test("what a page did not show is asked for by its serial number before it is removed", () =>
  withTenant([device(1), device(2, { serialNumber: "O'NEIL" })], async (tenant) => {
    await tenant.syncIntune();
    tenant.mdm.intercept = ({ path, query }) =>
      path.endsWith(list) && !query.get("$filter")?.includes("serialNumber")
        ? {
            status: 200,
            json: {
              value: [
                { ...device(1), operatingSystem: "Windows", deviceRegistrationState: "registered" },
              ],
            },
          }
        : undefined;
    await tenant.syncIntune();
    assert.deepEqual(await tenant.tags(), ["O'NEIL", "PF1"]);
    assert.equal(tenant.lastLine("Sync complete")?.["kept"], 1);
  }));

test("an answer about one device that does not end removes nothing", () =>
  withTenant([device(1), device(2)], async (tenant, intune) => {
    await tenant.syncIntune();
    intune.devices = [device(1)];
    tenant.mdm.intercept = ({ path, query }) =>
      path.endsWith(list) && query.get("$filter")?.includes("serialNumber")
        ? {
            status: 200,
            json: { value: [], "@odata.nextLink": `${tenant.mdm.origin}${path}?${query}` },
          }
        : undefined;
    await assert.rejects(tenant.syncIntune(), (error) => isFault(error, "limit"));
    assert.deepEqual(await tenant.tags(), ["PF1", "PF2"]);
  }));

test("a next page elsewhere is not asked for: the token would go along", () =>
  withTenant([device(1)], async (tenant) => {
    for (const link of [
      "https://evil.example.com/v1.0/x",
      "http://localhost/x",
      7,
      "//x",
      "nowhere",
    ]) {
      tenant.mdm.intercept = ({ path }) =>
        path.endsWith(list)
          ? { status: 200, json: { value: [], "@odata.nextLink": link } }
          : undefined;
      await assert.rejects(
        tenant.syncIntune(),
        (error) => isFault(error, "malformed"),
        String(link),
      );
    }
  }));

test("the scope of the token is the API that is asked, and the schedule is that of Jamf", () =>
  withTenant([device(1)], async (tenant) => {
    await tenant.syncIntune({
      inventory: [{ ...usualEntry, filter: "", fullMs: 0, partialMs: 1000 }],
    });
    const [token] = tenant.mdm.requestsTo("/token");
    assert.equal(new URLSearchParams(token?.body).get("scope"), `${tenant.mdm.origin}/.default`);
    const [page] = tenant.mdm.requestsTo(list);
    assert.match(page?.query.get("$filter") ?? "", /^lastSyncDateTime ge 2026-11-21T09:54:59/);
  }));
