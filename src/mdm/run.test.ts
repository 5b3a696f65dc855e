/** What one run does while its MDM keeps it waiting, and when the auth service goes away. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { AuthClient } from "#api/client.ts";
import { isFault } from "#base/fault.ts";
import { silentLogger } from "#base/log.ts";
import { DeviceOrigin } from "#gen/teleport/devicetrust/v1/device_pb.ts";
import { startTestAuth } from "../../test/support/auth-service.ts";
import { usualEntry } from "../../test/support/fake-mdm/tenant.ts";
import { syncInventory } from "./run.ts";
import type { MdmPage, MdmSource } from "./source.ts";

const settings = { name: "jamf", unenrollOnOwnerChange: false, inventory: [usualEntry] };
const { signal } = new AbortController();

function sourceOf(pages: () => AsyncGenerator<MdmPage>): MdmSource {
  return {
    origin: DeviceOrigin.JAMF,
    pages,
    findBySerial: async () => [],
    close: async () => {},
  };
}

/** The client, telling of every empty batch that it sends. */
function listening(client: AuthClient, onEmpty: () => void): Pick<AuthClient, "service"> {
  const service = async () => {
    const devices = await client.service("devices");
    return {
      ...devices,
      syncInventory: async (...options: Parameters<typeof devices.syncInventory>) => {
        const call = await devices.syncInventory(...options);
        const send: typeof call.send = (message) => {
          const { payload } = message;
          const batch = payload?.case === "devicesToUpsert" ? payload.value.devices : undefined;
          if (batch?.length === 0) onEmpty();
          return call.send(message);
        };
        return { ...call, send };
      },
    };
  };
  return { service: service as unknown as AuthClient["service"] };
}

test("while the MDM keeps the run waiting, the auth service hears from it", async () => {
  const cluster = await startTestAuth();
  const heard = Promise.withResolvers<void>();
  let times = 0;
  const auth = listening(cluster.as("MDM"), () => {
    if (++times === 3) heard.resolve();
  });
  const source = sourceOf(async function* () {
    await heard.promise;
    yield { rows: [], total: 0, drifted: false };
  });
  const run = { entry: usualEntry, since: undefined };
  const parts = { source, auth, settings, logger: silentLogger, signal, aliveMs: 1 };
  const report = await syncInventory(run, parts);
  assert.equal(report.pages, 1);
  assert.ok(times >= 3);
  await cluster.close();
});

test("a run whose auth service goes away ends, and leaves nothing running", async () => {
  const cluster = await startTestAuth();
  const client = cluster.as("MDM");
  let asked: AbortSignal | undefined;
  const source: MdmSource = {
    ...sourceOf(async function* () {
      await client.close();
      yield { rows: [], total: 0, drifted: false };
      await new Promise(() => {});
    }),
  };
  const { pages } = source;
  source.pages = (query, given) => {
    asked = given;
    return pages(query, given);
  };
  const run = { entry: usualEntry, since: undefined };
  const parts = { source, auth: client, settings, logger: silentLogger, signal, aliveMs: 1 };
  await assert.rejects(syncInventory(run, parts), (error) => isFault(error, "unavailable"));
  assert.equal(asked?.aborted, true);
  await cluster.close();
});
