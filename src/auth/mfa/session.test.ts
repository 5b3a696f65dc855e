/** Per-session MFA at the auth API: who is asked, and what the proof is good for. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { isFault } from "#base/fault.ts";
import {
  UserCertsRequest_CertPurpose as Purpose,
  UserCertsRequest_CertUsage as Usage,
} from "#gen/proto/certs_pb.ts";
import { MFARequired } from "#gen/proto/mfa_pb.ts";
import { decodeExtensions } from "#identity/extensions.ts";
import { parseResourceOf } from "#resource/parse.ts";
import { parseCertificate } from "#ssh/certificate.ts";
import { encodePublicKey, formatAuthorizedKey, parseAuthorizedKey } from "#ssh/public-key.ts";
import { logIn, type PersonOptions } from "../../../test/support/auth-person.ts";
import { addTestUser, startTestAuth, testCluster } from "../../../test/support/auth-service.ts";
import { FactorClient } from "../../../test/support/second-factors.ts";

const asks = { session: true, none: false } as const;

/** A cluster with one server, whose cluster-wide setting and role say this about sessions. */
async function start(cluster: keyof typeof asks, role: keyof typeof asks, person?: PersonOptions) {
  const auth = await startTestAuth({
    authPreference: parseResourceOf("cluster_auth_preference", {
      kind: "cluster_auth_preference",
      spec: { second_factor: "on", require_session_mfa: asks[cluster] },
    }),
  });
  const { stores } = auth.auth.context;
  await stores.roles.create(
    parseResourceOf("role", {
      kind: "role",
      version: "v7",
      metadata: { name: "shell" },
      spec: {
        allow: { logins: ["root"], node_labels: { env: "dev" } },
        options: { require_session_mfa: asks[role] },
      },
    }),
  );
  await stores.nodes.create(
    parseResourceOf("node", {
      kind: "node",
      version: "v2",
      metadata: { name: "6f8f2b4c-0000-4000-8000-000000000001", labels: { env: "dev" } },
      spec: { hostname: "web-1", addr: "" },
    }),
  );
  const secret = await addTestUser(auth, "alice", ["shell"]);
  auth.clock.advance(60_000);
  const alice = await logIn(auth, "alice", person);
  return { auth, secret, alice, factors: new FactorClient(auth, alice.client) };
}

const node = (Node: string, Login = "root") => ({
  Target: { case: "Node" as const, value: { Node, Login } },
});

/** A request for a certificate for one session. */
function request(username: string) {
  const { publicKey } = generateKeyPairSync("ed25519");
  return {
    Username: username,
    NodeName: "web-1",
    SSHLogin: "root",
    Usage: Usage.SSH,
    Purpose: Purpose.SINGLE_USE_CERTS,
    SSHPublicKey: Buffer.from(formatAuthorizedKey(encodePublicKey(publicKey))),
  };
}

function read(certificate: Uint8Array) {
  const parsed = parseCertificate(parseAuthorizedKey(Buffer.from(certificate).toString()).blob);
  return decodeExtensions(parsed, testCluster);
}

for (const [cluster, role, required] of [
  ["none", "none", false],
  ["session", "none", true],
  ["none", "session", true],
] as const) {
  test(`sessions where cluster says ${cluster} and role says ${role}: ${required ? "asked" : "not asked"}`, async () => {
    const { auth, factors } = await start(cluster, role);
    const api = await factors.auth();
    for (const name of ["web-1", "web-1:0", "6f8f2b4c-0000-4000-8000-000000000001"]) {
      const answer = await api.isMFARequired(node(name));
      assert.equal(answer.Required, required, name);
      const challenge = await api
        .createAuthenticateChallenge({ MFARequiredCheck: node(name) })
        .catch(
          // The scope is missing: that matters only where there is something to ask.
          (error) => ({
            MFARequired: isFault(error, "invalid") ? MFARequired.MFA_REQUIRED_YES : 0,
          }),
        );
      const wanted = required ? MFARequired.MFA_REQUIRED_YES : MFARequired.MFA_REQUIRED_NO;
      assert.equal(challenge.MFARequired, wanted, name);
    }
    await auth.close();
  });
}

test("nobody learns from the question which servers there are", async () => {
  const { auth, factors } = await start("none", "session");
  const api = await factors.auth();
  for (const target of [node("db-1"), node("web-1", "postgres")]) {
    assert.equal((await api.isMFARequired(target)).Required, false);
  }
  await assert.rejects(api.isMFARequired(node("")), (error) => isFault(error, "invalid"));
  await auth.close();
});

test("an answer gives a certificate for a minute that names the factor and the login behind it", async () => {
  const { auth, secret, alice, factors } = await start("session", "none");
  const api = await factors.auth();
  const MFAResponse = await factors.codeFor(secret, "session");
  const { SSH, TLS } = await api.generateUserCerts({ ...request("alice"), MFAResponse });
  assert.equal(TLS.length, 0);
  const identity = read(SSH);
  const { devices } = await auth.auth.context.credentials.secondFactors.get("alice");
  assert.equal(identity.mfaVerified, devices[0]?.id);
  assert.ok(identity.expires.getTime() <= auth.clock.now().getTime() + 60_000);
  assert.deepEqual(identity.previousIdentityExpires, alice.identity.expires);
  const { identity: recorded } = { ...(await auth.lastEvent("cert.create")) };
  assert.equal((recorded as { mfa_device_uuid?: string }).mfa_device_uuid, devices[0]?.id);
  await auth.close();
});

test("without an answer there is no mark, with a wrong one no certificate", async () => {
  const { auth, secret, factors } = await start("session", "none");
  const api = await factors.auth();
  const { SSH } = await api.generateUserCerts(request("alice"));
  assert.equal(read(SSH).mfaVerified, undefined);
  const wrong = { Response: { case: "TOTP" as const, value: { Code: "000000" } } };
  const denied = (error: unknown) => isFault(error, "access-denied");
  await factors.challenge("session");
  await assert.rejects(api.generateUserCerts({ ...request("alice"), MFAResponse: wrong }), denied);
  // A code that was asked for in order to manage factors opens no session.
  const MFAResponse = await factors.codeFor(secret, "manage");
  await assert.rejects(api.generateUserCerts({ ...request("alice"), MFAResponse }), denied);
  await auth.close();
});

test("an answer never makes a long certificate, whatever is asked for", async () => {
  const { auth, secret, factors } = await start("session", "none");
  const api = await factors.auth();
  const Expires = timestampFromDate(new Date(auth.clock.now().getTime() + 3_600_000));
  for (const purpose of [Purpose.UNSPECIFIED, Purpose.LOGIN_CERTS, Purpose.SINGLE_USE_CERTS]) {
    auth.clock.advance(30_000);
    const MFAResponse = await factors.codeFor(secret, "session");
    const wanted = { ...request("alice"), Purpose: purpose, Expires, MFAResponse };
    const { SSH } = await api.generateUserCerts(wanted);
    assert.ok(read(SSH).expires.getTime() <= auth.clock.now().getTime() + 60_000);
  }
  await assert.rejects(api.generateUserCerts({ ...request("alice"), Usage: Usage.All }), (error) =>
    isFault(error, "invalid"),
  );
  await auth.close();
});

test("the certificate of a trusted device keeps its device", async () => {
  const device = { deviceId: "d", assetTag: "TAG", credentialId: "c" };
  const { auth, secret, factors } = await start("session", "none", { identity: { device } });
  const MFAResponse = await factors.codeFor(secret, "session");
  const { SSH } = await (await factors.auth()).generateUserCerts({
    ...request("alice"),
    MFAResponse,
  });
  assert.deepEqual(read(SSH).device, device);
  await auth.close();
});
