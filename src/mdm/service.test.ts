/** Inventory services between a simulated Jamf Pro on the loopback and an auth service in memory. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { isFault } from "#base/fault.ts";
import { Secret } from "#base/secret.ts";
import { OSType } from "#gen/teleport/devicetrust/v1/device_pb.ts";
import { enrollAs, logIn } from "../../test/support/auth-person.ts";
import {
  type FakeComputer,
  FakeJamf,
  jamfAccount,
  jamfClient,
} from "../../test/support/fake-mdm/jamf.ts";
import { Tenant, usualEntry } from "../../test/support/fake-mdm/tenant.ts";
import { SimulatedAppleDevice } from "../../test/support/simulated-devices.ts";

const inventory = "/computers-inventory";
const computer = (number: number, changes: Partial<FakeComputer> = {}): FakeComputer => ({
  id: String(number),
  serial: `SERIAL${String(number).padStart(3, "0")}`,
  ...changes,
});
const fleet = (count: number) => Array.from({ length: count }, (_, i) => computer(i + 1));
const serials = (count: number) => fleet(count).map(({ serial }) => serial);

async function withTenant(
  computers: FakeComputer[],
  use: (tenant: Tenant, jamf: FakeJamf) => Promise<void>,
): Promise<void> {
  const jamf = new FakeJamf(computers);
  const tenant = await Tenant.open(jamf);
  try {
    await use(tenant, jamf);
  } finally {
    await tenant.close();
  }
}

/** Runs `act` once, before the answer to the nth question for a page. */
function beforePage(tenant: Tenant, number: number, act: () => void): void {
  let seen = 0;
  tenant.mdm.intercept = ({ path }) => {
    if (path.endsWith(inventory) && ++seen === number) act();
    return undefined;
  };
}

test("a full run takes over what the MDM says, and a second one writes nothing", () =>
  withTenant(fleet(25), async (tenant) => {
    await tenant.syncJamf();
    assert.deepEqual(await tenant.tags(), serials(25));
    const spec = (await tenant.devices()).get("SERIAL001");
    assert.equal(spec?.os_type, "macos");
    assert.deepEqual(spec.source, { name: "jamf", origin: "jamf" });
    assert.equal(spec.owner, undefined);
    const { update_time: _, ...profile } = spec.profile ?? {};
    assert.deepEqual(profile, {
      model_identifier: "Mac15,3",
      os_version: "15.1",
      os_build: "24B83",
      os_usernames: ["local"],
      jamf_binary_version: "11.10.1",
      external_id: "1",
    });
    assert.ok(tenant.lines.some(({ message }) => message === "Starting sync"));
    const reports = tenant.lines.filter(({ message }) => message.startsWith("Device sync report"));
    assert.deepEqual(
      reports.map(({ message }) => message),
      [10, 10, 5].map(
        (count, page) => `Device sync report, page #${page} deletes:0 failures:0 upserts:${count}`,
      ),
    );
    const pages = tenant.mdm.requestsTo(inventory);
    assert.deepEqual(
      pages.map(({ query }) => [query.get("page"), query.get("page-size"), query.get("sort")]),
      ["0", "1", "2"].map((page) => [page, "10", "id:asc"]),
    );
    const before = await tenant.devices();
    tenant.auth.clock.advance(60_000);
    await tenant.syncJamf();
    assert.deepEqual(await tenant.devices(), before);
  }));

test("a page is asked for only when the one before is in the inventory: memory holds one", () =>
  withTenant(fleet(600), async (tenant) => {
    let asked = 0;
    tenant.mdm.intercept = ({ path }) => {
      if (!path.endsWith(inventory)) return undefined;
      const taken = tenant.lines.filter(({ message }) => message.startsWith("Device sync report"));
      assert.equal(taken.length, asked++);
      return undefined;
    };
    await tenant.syncJamf();
    assert.equal(asked, 60);
    const last = tenant.lastLine("Device sync report, page #59 deletes:0 failures:0 upserts:10");
    assert.deepEqual(last, { devices: 600, of: 600 });
  }));

test("a device added by hand is claimed, and its enrollment survives", () =>
  withTenant([computer(1, { serial: "PF47WND6" })], async (tenant) => {
    const admin = await logIn(tenant.auth, "admin");
    await enrollAs(tenant.auth, admin, new SimulatedAppleDevice());
    await tenant.syncJamf();
    const spec = (await tenant.devices()).get("PF47WND6");
    assert.deepEqual(spec?.source, { name: "jamf", origin: "jamf" });
    assert.equal(spec?.enroll_status, "enrolled");
    assert.equal(spec?.owner, "admin");
  }));

test("what the MDM no longer has is removed with DELETE and stays with NOOP", () =>
  withTenant(fleet(12), async (tenant, jamf) => {
    await tenant.syncJamf();
    jamf.computers = fleet(10);
    await tenant.syncJamf({ inventory: [{ ...usualEntry, onMissing: "NOOP" }] });
    assert.equal((await tenant.tags()).length, 12);
    await tenant.syncJamf();
    assert.deepEqual(await tenant.tags(), serials(10));
    assert.equal(tenant.lastLine("Sync complete")?.["deletes"], 2);
  }));

test("a computer that is no longer managed is missing, because the filter leaves it out", () =>
  withTenant(fleet(3), async (tenant, jamf) => {
    await tenant.syncJamf();
    jamf.computers = [computer(1), computer(2, { managed: false }), computer(3)];
    await tenant.syncJamf();
    assert.deepEqual(await tenant.tags(), ["SERIAL001", "SERIAL003"]);
  }));

test("a computer whose serial number has changed under the same id is another device", () =>
  withTenant(fleet(2), async (tenant, jamf) => {
    await tenant.syncJamf();
    jamf.computers = [computer(1), computer(2, { serial: "NEWBOARD" })];
    await tenant.syncJamf();
    assert.deepEqual(await tenant.tags(), ["NEWBOARD", "SERIAL001"]);
  }));

test("rows that move forward between pages are read again, and nothing that was skipped is removed", () =>
  withTenant(fleet(30), async (tenant, jamf) => {
    await tenant.syncJamf();
    beforePage(tenant, 2, () => jamf.computers.splice(0, 3));
    await tenant.syncJamf();
    assert.deepEqual(await tenant.tags(), serials(30), "the three had been named before they went");
    const fields = tenant.lastLine("Sync complete");
    assert.equal(fields?.["drifts"], 1);
    assert.equal(fields?.["kept"], undefined, "nothing was skipped in the end");
    await tenant.syncJamf();
    assert.deepEqual(await tenant.tags(), serials(30).slice(3));
  }));

test("rows that move unseen, because as many come as go, are confirmed one by one before anything is removed", () =>
  withTenant(fleet(30), async (tenant, jamf) => {
    await tenant.syncJamf();
    jamf.computers.splice(28, 1);
    beforePage(tenant, 2, () => {
      jamf.computers.splice(0, 2);
      jamf.computers.push(computer(31), computer(32));
    });
    await tenant.syncJamf();
    const fields = tenant.lastLine("Sync complete");
    assert.equal(fields?.["kept"], 2, "two were skipped by every page and are there all the same");
    assert.equal(fields?.["deletes"], 1);
    const tags = await tenant.tags();
    assert.ok(tags.includes("SERIAL011") && tags.includes("SERIAL012"));
    assert.equal(tags.includes("SERIAL029"), false);
  }));

test("rows that move backward come twice and are named once", () =>
  withTenant(fleet(20), async (tenant, jamf) => {
    beforePage(tenant, 2, () => jamf.computers.unshift(computer(21), computer(22)));
    await tenant.syncJamf();
    assert.equal(tenant.lastLine("Sync complete")?.["duplicates"], 2);
    assert.equal(tenant.lastLine("Sync complete")?.["devices"], 20);
  }));

test("of two records with one serial number the one that reported last counts", () =>
  withTenant(
    [
      computer(1, { serial: "TWIN", osVersion: "15.2", reportDate: "2026-11-20T09:00:00Z" }),
      computer(2, { serial: "TWIN", osVersion: "14.0", reportDate: "2024-01-01T09:00:00Z" }),
      computer(3, { serial: "LATE", osVersion: "14.0", reportDate: "2024-01-01T09:00:00Z" }),
      computer(4, { serial: "LATE", osVersion: "15.3", reportDate: "2026-11-20T09:00:00Z" }),
    ],
    async (tenant) => {
      await tenant.syncJamf();
      const devices = await tenant.devices();
      assert.equal(devices.get("TWIN")?.profile?.os_version, "15.2");
      assert.equal(devices.get("LATE")?.profile?.os_version, "15.3");
      assert.equal(tenant.lastLine("Sync complete")?.["duplicates"], 2);
    },
  ));

test("computers without a serial number are skipped and counted", () =>
  withTenant(
    [
      computer(1),
      computer(2, { serial: null }),
      computer(3, { serial: "" }),
      computer(4, { serial: "To be filled by O.E.M." }),
      computer(5, { serial: "X".repeat(101) }),
    ],
    async (tenant) => {
      await tenant.syncJamf();
      assert.deepEqual(await tenant.tags(), ["SERIAL001"]);
      assert.equal(tenant.lastLine("Sync complete")?.["skipped: no serial number"], 4);
    },
  ));

test("an MDM that shows no device at all removes none", () =>
  withTenant(fleet(3), async (tenant, jamf) => {
    await tenant.syncJamf();
    jamf.computers = [];
    await tenant.syncJamf();
    assert.equal((await tenant.tags()).length, 3);
    assert.ok(tenant.lastLine("the MDM shows no device at all: nothing is removed"));
  }));

test("a page that fails ends the run before anything is removed", () =>
  withTenant(fleet(30), async (tenant, jamf) => {
    await tenant.syncJamf();
    jamf.computers = fleet(25);
    let pages = 0;
    tenant.mdm.intercept = ({ path }) =>
      path.endsWith(inventory) && ++pages >= 3 ? { status: 500 } : undefined;
    await assert.rejects(tenant.syncJamf(), (error) => isFault(error, "unavailable"));
    assert.equal((await tenant.tags()).length, 30);
    assert.equal(pages, 2 + 7, "seven attempts, then no more");
  }));

test("an answer to the confirmation that fails removes nothing", () =>
  withTenant(fleet(5), async (tenant, jamf) => {
    await tenant.syncJamf();
    jamf.computers = fleet(4);
    tenant.mdm.intercept = ({ query }) =>
      query.get("filter")?.includes("=in=") ? { status: 403 } : undefined;
    await assert.rejects(tenant.syncJamf(), (error) => isFault(error, "access-denied"));
    assert.equal((await tenant.tags()).length, 5);
  }));

test("a token that ends in mid-run is renewed before it does, and one that is revoked once it is refused", () =>
  withTenant(fleet(40), async (tenant) => {
    tenant.mdm.tokenLifeMs = 60_000;
    let pages = 0;
    tenant.mdm.intercept = ({ path }) => {
      if (path.endsWith(inventory)) {
        tenant.auth.clock.advance(25_000);
        if (++pages === 3) tenant.mdm.revokeTokens();
      }
      return undefined;
    };
    await tenant.syncJamf();
    assert.equal((await tenant.tags()).length, 40);
    const refused = tenant.mdm.requestsTo(inventory).filter(({ status }) => status === 401);
    assert.equal(refused.length, 1, "only the revoked one was ever refused");
  }));

test("a token that is refused twice ends the run", () =>
  withTenant(fleet(5), async (tenant) => {
    tenant.mdm.intercept = ({ path }) => (path.endsWith(inventory) ? { status: 401 } : undefined);
    await assert.rejects(tenant.syncJamf(), (error) => isFault(error, "access-denied"));
    assert.equal(tenant.mdm.requestsTo(inventory).length, 2);
    assert.equal(tenant.mdm.issued, 2);
  }));

test("429 and 503 in mid-run are waited for as the MDM asks", () =>
  withTenant(fleet(30), async (tenant) => {
    const troubles = [
      { status: 429, headers: { "retry-after": "20" } },
      { status: 503 },
      "reset" as const,
    ];
    let pages = 0;
    tenant.mdm.intercept = ({ path }) =>
      path.endsWith(inventory) && ++pages > 1 ? troubles.shift() : undefined;
    await tenant.syncJamf();
    assert.equal((await tenant.tags()).length, 30);
    const [first = 0, second = 0, third = 0] = tenant.waits;
    assert.ok(first >= 20_500 && first <= 21_000, String(first));
    assert.ok(second >= 1000 && second <= 2000, String(second));
    assert.ok(third >= 2000 && third <= 4000, String(third));
  }));

test("wrong credentials are said to be wrong, and asked once", () =>
  withTenant(fleet(1), async (tenant) => {
    const credentials = { clientId: jamfClient.id, clientSecret: new Secret("guess") };
    await assert.rejects(tenant.syncJamf({ credentials }), (error) => {
      assert.ok(isFault(error, "access-denied"));
      assert.match(error.message, /^Jamf Pro refuses the credentials \(HTTP 401\)$/);
      assert.match(error.hint ?? "", /Read Computers/);
      return true;
    });
    assert.equal(tenant.mdm.log.length, 1);
  }));

test("an account with its password works as well", () =>
  withTenant(fleet(1), async (tenant) => {
    const { name, password } = jamfAccount;
    // Its answer says the end of the token as a time of the real clock.
    tenant.auth.clock.advance(Date.now() - tenant.auth.clock.now().getTime());
    await tenant.syncJamf({ credentials: { username: name, password: new Secret(password) } });
    assert.deepEqual(await tenant.tags(), ["SERIAL001"]);
  }));

test("no secret and no token is in any line of the log or error", () =>
  withTenant(fleet(3), async (tenant) => {
    await tenant.syncJamf();
    const leak = { status: 200, text: `{"access_token": "${jamfClient.secret}` };
    tenant.mdm.intercept = ({ path }) => (path.endsWith("/token") ? leak : undefined);
    await assert.rejects(tenant.syncJamf(), (error) => {
      const shown = inspect(error, { depth: 10 }) + inspect(tenant.lines, { depth: 10 });
      assert.doesNotMatch(shown, /s3cret|simulated-token/);
      return isFault(error, "malformed");
    });
  }));

test("redirects are not followed", () =>
  withTenant(fleet(1), async (tenant) => {
    const headers = { location: `${tenant.mdm.origin}/elsewhere` };
    tenant.mdm.intercept = ({ path }) =>
      path.endsWith(inventory) ? { status: 302, headers } : undefined;
    await assert.rejects(tenant.syncJamf(), (error) => isFault(error, "malformed"));
    assert.equal(tenant.mdm.requestsTo("/elsewhere").length, 0);
  }));

test("pages that are no pages end the run", () =>
  withTenant(fleet(1), async (tenant) => {
    const answers = [
      "",
      "[]",
      "null",
      '{"totalCount":1}',
      '{"totalCount":-1,"results":[]}',
      '{"totalCount":"1","results":[]}',
      '{"totalCount":1,"results":{}}',
      JSON.stringify({ totalCount: 11, results: Array.from({ length: 11 }, () => ({})) }),
      "[".repeat(100_000),
    ];
    for (const text of answers) {
      tenant.mdm.intercept = ({ path }) =>
        path.endsWith(inventory) ? { status: 200, text } : undefined;
      await assert.rejects(
        tenant.syncJamf(),
        (error) => isFault(error, "malformed"),
        text.slice(0, 60),
      );
    }
  }));

test("a listing that repeats itself for ever ends the run, and removes nothing", () =>
  withTenant(fleet(20), async (tenant) => {
    await tenant.syncJamf();
    const results = [{ id: "1", hardware: { serialNumber: "SERIAL001" } }];
    const totalCount = Number.MAX_SAFE_INTEGER;
    tenant.mdm.intercept = ({ path }) =>
      path.endsWith(inventory) ? { status: 200, json: { totalCount, results } } : undefined;
    await assert.rejects(tenant.syncJamf(), (error) => isFault(error, "limit"));
    assert.equal((await tenant.tags()).length, 20);
  }));

test("rows of any form are read or skipped, and never end the run", () =>
  withTenant(fleet(1), async (tenant) => {
    const results = [
      null,
      7,
      "x",
      [],
      {},
      { id: { $ne: 1 } },
      { id: "1", hardware: 3 },
      { id: 2, hardware: { serialNumber: ["A"] } },
      { id: 3, hardware: { serialNumber: "GOOD", modelIdentifier: "M\u0000" } },
    ];
    tenant.mdm.intercept = ({ path }) =>
      path.endsWith(inventory)
        ? { status: 200, json: { totalCount: results.length, results } }
        : undefined;
    await tenant.syncJamf();
    assert.deepEqual(await tenant.tags(), ["GOOD"]);
    assert.equal((await tenant.devices()).get("GOOD")?.profile?.model_identifier, undefined);
  }));

test("entries of one service are one inventory: the run of one removes no device of the other", () =>
  withTenant([computer(1), computer(2, { managed: false }), computer(3)], async (tenant, jamf) => {
    const unmanaged = { ...usualEntry, filter: "general.remoteManagement.managed==false" };
    const entries = { inventory: [usualEntry, unmanaged] };
    await tenant.syncJamf(entries);
    assert.equal((await tenant.tags()).length, 3);
    jamf.computers.pop();
    await tenant.syncJamf(entries);
    assert.deepEqual(await tenant.tags(), ["SERIAL001", "SERIAL002"]);
  }));

test("devices of another source stay, whatever is missing", () =>
  withTenant(fleet(2), async (tenant) => {
    const admin = await logIn(tenant.auth, "admin");
    const devices = await admin.client.service("devices");
    await devices.createDevice({ device: { osType: OSType.OS_TYPE_LINUX, assetTag: "HAND" } });
    await tenant.syncJamf();
    assert.deepEqual(await tenant.tags(), ["HAND", "SERIAL001", "SERIAL002"]);
  }));

test("a partial run asks for what has changed, sees only that, and removes nothing", () =>
  withTenant(fleet(30), async (tenant, jamf) => {
    const entry = { ...usualEntry, partialMs: 6 * 3_600_000 };
    const started = tenant.auth.clock.now().getTime();
    const settings = {
      kind: "jamf" as const,
      name: "jamf",
      apiEndpoint: `${tenant.mdm.origin}/api`,
      credentials: { clientId: jamfClient.id, clientSecret: new Secret(jamfClient.secret) },
      syncDelayMs: 90_000,
      exitOnSync: false,
      unenrollOnOwnerChange: false,
      inventory: [entry],
    };
    const kinds: string[] = [];
    const ended = Promise.withResolvers<void>();
    const service = tenant.start(settings, () => {
      const runs = tenant.lines.filter(({ message }) => message === "Starting sync");
      kinds.splice(0, kinds.length, ...runs.map(({ fields }) => String(fields["kind"])));
      if (kinds.length === 1 && jamf.computers.length === 30) {
        const later = new Date(started + 4 * 3_600_000).toISOString();
        jamf.computers = [...fleet(5), computer(6, { osVersion: "16.0", reportDate: later })];
      }
      if (kinds.length >= 5) ended.resolve();
    });
    await ended.promise;
    await service.close();
    assert.deepEqual(kinds.slice(0, 5), ["full", "partial", "partial", "partial", "full"]);
    const questions = tenant.mdm.requestsTo(inventory).map(({ query }) => query.get("filter"));
    const changed = questions.filter((filter) => filter?.includes("reportDate"));
    const since = new Date(started + 90_000 - 5 * 60_000).toISOString();
    assert.equal(
      changed[0],
      `(general.remoteManagement.managed==true);(general.reportDate>="${since}")`,
    );
    const completed = tenant.lines.filter(({ message }) => message === "Sync complete");
    assert.deepEqual(
      completed.slice(0, 3).map(({ fields }) => [fields["devices"], fields["deletes"]]),
      [
        [30, undefined],
        [1, undefined],
        [0, undefined],
      ],
    );
    assert.equal((await tenant.devices()).get("SERIAL006")?.profile?.os_version, "16.0");
  }));

test("a device that the MDM gives to another person is unenrolled where the service is told so", () =>
  withTenant([computer(1, { serial: "PF47WND6", user: "alice" })], async (tenant, jamf) => {
    const admin = await logIn(tenant.auth, "admin");
    await enrollAs(tenant.auth, admin, new SimulatedAppleDevice());
    const status = async () => (await tenant.devices()).get("PF47WND6")?.enroll_status;
    await tenant.syncJamf({ unenrollOnOwnerChange: true });
    jamf.computers = [computer(1, { serial: "PF47WND6", user: "bob" })];
    await tenant.syncJamf();
    assert.equal(await status(), "enrolled", "without the setting the person says nothing");
    await tenant.syncJamf({ unenrollOnOwnerChange: true });
    assert.equal(await status(), "not_enrolled");
    const event = await tenant.auth.lastEvent("device.update");
    assert.match(String(event?.["message"]), /^unenrolled: jamf has assigned the device to bob/);
  }));
