/** The services of gatehouse.v1 for administrators: the audit log, enrollment tokens, credentials. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { type FaultCode, isFault } from "#base/fault.ts";
import { OSType } from "#gen/teleport/devicetrust/v1/device_pb.ts";
import { logIn } from "../../../test/support/auth-person.ts";
import {
  addTestUser,
  codeOf,
  startTestAuth,
  testPassword,
} from "../../../test/support/auth-service.ts";
import { proveLogin } from "../users/login.ts";

const refused = (code: FaultCode) => (error: unknown) => isFault(error, code);
const client = { clientIp: "127.0.0.1", userAgent: "test" };

test("an auditor searches the log by type, user, device and time, page by page; others are refused", async () => {
  const cluster = await startTestAuth();
  const admin = await logIn(cluster, "admin");
  const devices = await admin.client.service("devices");
  const start = cluster.clock.now();
  for (const assetTag of ["A", "B", "C"]) {
    cluster.clock.advance(1000);
    await devices.createDevice({ device: { osType: OSType.OS_TYPE_LINUX, assetTag } });
  }
  const auditor = await logIn(cluster, "auditor", { roles: ["auditor"] });
  const audit = await auditor.client.service("audit");
  const search = async (query: object) => {
    const tags: string[] = [];
    let pageToken = "";
    do {
      const page = await audit.searchEvents({ ...query, limit: 2, pageToken });
      assert.ok(page.events.length <= 2);
      for (const bytes of page.events) {
        const event = JSON.parse(new TextDecoder().decode(bytes));
        tags.push(event.device?.asset_tag ?? event.event);
      }
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    return tags.join("");
  };
  const kinds = ["device.create"];
  assert.equal(await search({ kinds }), "ABC");
  assert.equal(await search({ kinds, descending: true }), "CBA");
  assert.equal(await search({ device: "B" }), "B");
  assert.equal(await search({ kinds, user: "nobody" }), "");
  const from = timestampFromDate(new Date(start.getTime() + 1500));
  const to = timestampFromDate(new Date(start.getTime() + 2500));
  assert.equal(await search({ kinds, from }), "BC");
  assert.equal(await search({ kinds, to }), "AB");
  const nobody = await logIn(cluster, "nobody", { roles: ["device-enroll"] });
  const theirs = await nobody.client.service("audit");
  await assert.rejects(theirs.searchEvents({}), refused("access-denied"));
  await cluster.close();
});

test("a search that cannot be is refused with a typed error", async () => {
  const cluster = await startTestAuth();
  const audit = await cluster.as("Admin").service("audit");
  const impossible = [
    { limit: -1 },
    { limit: 2 ** 31 - 1 },
    { pageToken: "garbage" },
    { from: { seconds: 2n ** 63n - 1n, nanos: 0 } },
    { to: { seconds: -(2n ** 63n), nanos: -1 } },
    { kinds: Array.from({ length: 101 }, () => "x") },
    { user: "x".repeat(1000) },
  ];
  for (const query of impossible) {
    await assert.rejects(
      audit.searchEvents(query),
      refused("invalid"),
      JSON.stringify(Object.keys(query)),
    );
  }
  assert.ok(await audit.searchEvents({}));
  await cluster.close();
});

test("tokens are listed without their secrets and revoked by their id", async () => {
  const cluster = await startTestAuth();
  const admin = await logIn(cluster, "admin");
  const devices = await admin.client.service("devices");
  const device = { osType: OSType.OS_TYPE_LINUX, assetTag: "XX1" };
  const { enrollToken, id: deviceId } = await devices.createDevice({
    device,
    createEnrollToken: true,
  });
  const tokens = await admin.client.service("deviceAdmin");
  const { tokens: listed } = await tokens.listEnrollTokens({ device: "XX1" });
  assert.equal(listed.length, 1);
  const [token] = listed;
  assert.equal(token?.deviceId, deviceId);
  assert.equal(token.assetTag, "XX1");
  assert.equal(token.createdBy, "admin");
  assert.ok(!inspect(token).includes(enrollToken?.token ?? ""));
  await tokens.revokeEnrollToken({ id: token.id });
  assert.deepEqual((await tokens.listEnrollTokens({})).tokens, []);
  await assert.rejects(tokens.revokeEnrollToken({ id: token.id }), refused("not-found"));
  await assert.rejects(tokens.listEnrollTokens({ device: "nope" }), refused("not-found"));
  const event = await cluster.lastEvent("resource.delete");
  assert.equal(event?.["kind"], "device_enroll_token");
  const nobody = await logIn(cluster, "nobody", { roles: ["access"] });
  const theirs = await nobody.client.service("deviceAdmin");
  await assert.rejects(theirs.listEnrollTokens({}), refused("access-denied"));
  await assert.rejects(theirs.revokeEnrollToken({ id: "x" }), refused("access-denied"));
  await cluster.close();
});

test("the local administrator sets password and authenticator app; the new ones work, the old ones do not", async () => {
  const cluster = await startTestAuth();
  const oldSecret = await addTestUser(cluster, "alice");
  cluster.clock.advance(60_000);
  const users = await cluster.as("Admin").service("userAdmin");
  const password = "another good password";
  const kept = await users.setPassword({ user: "alice", password, totp: false });
  assert.equal(kept.otpauthUrl, "");
  const { context } = cluster.auth;
  const login = (word: string, secret: string) =>
    proveLogin(
      context,
      "alice",
      word,
      { type: "totp", code: codeOf(secret, cluster.clock.now()) },
      client,
    );
  await assert.rejects(login(testPassword, oldSecret), refused("unproven"));
  await login(password, oldSecret);
  cluster.clock.advance(60_000);
  const { otpauthUrl } = await users.setPassword({ user: "alice", password, totp: true });
  const secret = new URL(otpauthUrl).searchParams.get("secret") ?? "";
  await assert.rejects(login(password, oldSecret), refused("unproven"));
  await login(password, secret);
  assert.equal((await cluster.lastEvent("user.password_change"))?.user, "alice");
  for (const type of ["mfa.add", "mfa.delete"]) assert.ok(await cluster.lastEvent(type), type);
  await assert.rejects(users.setPassword({ user: "nobody", password }), refused("not-found"));
  await assert.rejects(users.setPassword({ user: "alice", password: "short" }), refused("invalid"));
  await cluster.close();
});

test("nobody else sets passwords: neither an editor nor another service of the cluster", async () => {
  const cluster = await startTestAuth();
  const editor = await logIn(cluster, "editor", { roles: ["editor"] });
  const wish = { user: "editor", password: "another good password", totp: true };
  for (const caller of [editor.client, cluster.as("Proxy"), cluster.as("Node")]) {
    const users = await caller.service("userAdmin");
    await assert.rejects(users.setPassword(wish), refused("access-denied"));
  }
  assert.equal(await cluster.lastEvent("user.password_change"), undefined);
  await cluster.close();
});
