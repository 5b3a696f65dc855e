import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import type { UserIdentity } from "#identity/identity.ts";
import { decodeSubject } from "#identity/subject.ts";
import { parseCertificate } from "#x509/certificate.ts";
import { addTestUser, startTestAuth, type TestAuth } from "../../test/support/auth-service.ts";
import { type ReissueRequest, reissueCertificates } from "./certificates.ts";
import { identityOfLogin } from "./users/identity.ts";

/** A cluster in which alice has logged in. */
async function startWithLogin(): Promise<{ cluster: TestAuth; caller: UserIdentity }> {
  const cluster = await startTestAuth();
  await addTestUser(cluster, "alice");
  const { context } = cluster.auth;
  const caller = await identityOfLogin(context, await context.stores.users.get("alice"), {
    ttlMs: 0,
    clientIp: "127.0.0.1",
    routeToCluster: "",
    kubernetesCluster: "",
  });
  return { cluster, caller };
}

/** A fresh TLS key as SubjectPublicKeyInfo. */
function newKey(): Uint8Array {
  const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return new Uint8Array(publicKey.export({ type: "spki", format: "der" }));
}

/** A request of alice's for a TLS certificate, with changes. */
function request(changes: Partial<ReissueRequest> = {}): ReissueRequest {
  return {
    username: "alice",
    keys: { tls: newKey() },
    expires: undefined,
    usage: undefined,
    sshOnly: false,
    singleUse: false,
    routeToCluster: "",
    kubernetesCluster: "",
    database: undefined,
    userAgent: "test",
    ...changes,
  };
}

/** The identity in the TLS certificate that a request gives. */
async function reissue(cluster: TestAuth, caller: UserIdentity, changes?: Partial<ReissueRequest>) {
  const { tls } = await reissueCertificates(cluster.auth.context, caller, request(changes));
  assert.ok(tls);
  const { subject, notAfter } = parseCertificate(tls);
  return decodeSubject(subject, notAfter, "user");
}

const device = { deviceId: "d", assetTag: "C00AA0AAAA0A", credentialId: "c" };

test("a certificate for other keys ends no later and keeps device, address and MFA mark", async () => {
  const { cluster, caller } = await startWithLogin();
  const marked = { ...caller, device, mfaVerified: "m", pinnedIp: "127.0.0.1" };
  const year = new Date(caller.expires.getTime() + 365 * 86_400_000);
  const fresh = await reissue(cluster, marked, { expires: year });
  assert.deepEqual(fresh.expires, caller.expires);
  assert.deepEqual(fresh.device, device);
  assert.equal(fresh.mfaVerified, "m");
  assert.equal(fresh.pinnedIp, "127.0.0.1");
  assert.equal(fresh.loginIp, "127.0.0.1");
  await cluster.close();
});

test("an account that was locked after its login gets nothing more, not even with a second factor", async () => {
  const { cluster, caller } = await startWithLogin();
  await cluster.auth.context.stores.users.modify("alice", (user) => ({
    ...user,
    spec: { ...user.spec, status: { ...user.spec.status, is_locked: true } },
  }));
  for (const changes of [{}, { mfaVerified: "m", singleUse: true }]) {
    await assert.rejects(
      reissue(cluster, caller, changes),
      (error) => isFault(error, "locked") && /user "alice" is locked/.test(error.message),
    );
  }
  await cluster.close();
});

test("a certificate for one use says so, and has no SSH half", async () => {
  const { cluster, caller } = await startWithLogin();
  const fresh = await reissue(cluster, caller, { usage: "db" });
  assert.deepEqual(fresh.usage, ["db"]);
  await cluster.close();
});

test("nobody gets a certificate of somebody else, one in the past, or one without a key", async () => {
  const { cluster, caller } = await startWithLogin();
  const refused: readonly [Partial<ReissueRequest>, "access-denied" | "invalid"][] = [
    [{ username: "bob" }, "access-denied"],
    [{ expires: new Date(0) }, "access-denied"],
    [{ keys: {} }, "invalid"],
  ];
  for (const [changes, code] of refused) {
    await assert.rejects(reissue(cluster, caller, changes), (error) => isFault(error, code));
  }
  await assert.rejects(reissue(cluster, { ...caller, disallowReissue: true }), (error) =>
    isFault(error, "access-denied"),
  );
  await cluster.close();
});

test("a certificate follows the roles that the user has now, not those of the old certificate", async () => {
  const { cluster, caller } = await startWithLogin();
  const { users } = cluster.auth.context.stores;
  await users.modify("alice", (user) => ({ ...user, spec: { ...user.spec, roles: ["auditor"] } }));
  assert.deepEqual((await reissue(cluster, caller)).roles, ["auditor"]);
  await users.delete("alice");
  await assert.rejects(reissue(cluster, caller), (error) => isFault(error, "not-found"));
  await cluster.close();
});

test("the event is written with the certificate, and names the device", async () => {
  const { cluster, caller } = await startWithLogin();
  await reissue(cluster, { ...caller, device });
  const event = await cluster.lastEvent("cert.create");
  assert.equal(event?.code, "TC000I");
  assert.equal(
    (event?.["trusted_device"] as { asset_tag?: string } | undefined)?.asset_tag,
    "C00AA0AAAA0A",
  );
  await cluster.close();
});

test("a certificate for a cluster that does not exist is not issued", async () => {
  const { cluster, caller } = await startWithLogin();
  await assert.rejects(reissue(cluster, caller, { routeToCluster: "nosuchcluster" }), (error) =>
    isFault(error, "not-found"),
  );
  const own = await reissue(cluster, caller, { routeToCluster: cluster.auth.context.clusterName });
  assert.equal(own.routeToCluster, cluster.auth.context.clusterName);
  await cluster.close();
});
