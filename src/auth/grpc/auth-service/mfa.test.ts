/** Second factors as their owner adds, shows and removes them. The security key is a simulated one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { DeviceType, DeviceUsage } from "#gen/proto/mfa_pb.ts";
import { parseResourceOf } from "#resource/parse.ts";
import { logIn } from "../../../../test/support/auth-person.ts";
import {
  addTestUser,
  codeOf,
  startTestAuth,
  type TestAuth,
} from "../../../../test/support/auth-service.ts";
import { FactorClient } from "../../../../test/support/second-factors.ts";
import {
  type Cheat,
  SoftwareAuthenticator,
} from "../../../../test/support/software-authenticator.ts";
import { firstDevice } from "../../mfa/first-device.ts";
import { finishRegistration } from "../../mfa/manage.ts";
import { deleteUser } from "../../users/deletion.ts";

const rpId = "example.com";
const origin = "https://proxy.example.com:3080";

/** A cluster that takes these second factors, with alice, her app and her client. */
async function startWithAlice(spec: object = { second_factor: "on", webauthn: { rp_id: rpId } }) {
  const cluster = await startTestAuth({ authPreference: preference(spec) });
  const secret = await addTestUser(cluster, "alice");
  const { client } = await logIn(cluster, "alice");
  cluster.clock.advance(60_000);
  return { cluster, secret, alice: new FactorClient(cluster, client) };
}

function preference(spec: object) {
  return parseResourceOf("cluster_auth_preference", { kind: "cluster_auth_preference", spec });
}

async function setPreference({ auth }: TestAuth, spec: object) {
  await auth.context.stores.authPreference.upsert(preference(spec));
}

const refused =
  (code: Parameters<typeof isFault>[1], text = /./) =>
  (error: unknown) =>
    isFault(error, code as never) && text.test(error.message);

test("a person sees the authenticator app that was set up, without its secret", async () => {
  const { cluster, secret, alice } = await startWithAlice();
  const { Devices } = await (await alice.auth()).getMFADevices({});
  assert.equal(Devices.length, 1);
  assert.deepEqual(Devices[0]?.device.case, "totp");
  const shown = JSON.stringify(Devices, (_, v) => (typeof v === "bigint" ? `${v}` : v));
  assert.ok(!shown.includes(secret));
  await cluster.close();
});

test("an app and a security key are added, used and removed; each change is an event", async () => {
  const { cluster, secret, alice } = await startWithAlice();
  const phone = await alice.addApp("phone", await alice.codeFor(secret));
  assert.equal((await cluster.lastEvent("mfa.add"))?.code, "T1006I");
  const key = new SoftwareAuthenticator(origin);
  await alice.addKey("key", key, await alice.codeFor(phone));
  assert.deepEqual(await alice.names(), ["otp", "phone", "key"]);
  await alice.remove("otp", await alice.touch(key));
  const removed = await cluster.lastEvent("mfa.delete");
  assert.equal(removed?.code, "T1007I");
  assert.equal(removed?.["mfa_device_name"], "otp");
  cluster.clock.advance(30_000);
  await alice.remove("phone", await alice.codeFor(phone));
  assert.deepEqual(await alice.names(), ["key"]);
  const proved = await cluster.lastEvent("mfa_auth_challenge.validate");
  assert.equal(proved?.code, "T1016I");
  assert.equal(proved?.["challenge_scope"], "CHALLENGE_SCOPE_MANAGE_DEVICES");
  await cluster.close();
});

test("nothing is added or removed by a login alone", async () => {
  const { cluster, secret, alice } = await startWithAlice();
  await assert.rejects(alice.addApp("phone"), refused("invalid", /authentication required/));
  const auth = await alice.auth();
  await assert.rejects(auth.deleteMFADeviceSync({ DeviceName: "otp" }), refused("invalid"));
  await assert.rejects(
    auth.addMFADeviceSync({
      NewDeviceName: "x",
      NewMFAResponse: {
        Response: { case: "TOTP", value: { Code: codeOf(secret, cluster.clock.now()), ID: "x" } },
      },
    }),
    refused("not-found"),
  );
  assert.deepEqual(await alice.names(), ["otp"]);
  await cluster.close();
});

test("a code is good once: also between the change of factors and the login", async () => {
  const { cluster, secret, alice } = await startWithAlice();
  const code = await alice.codeFor(secret);
  await alice.addApp("phone", code);
  cluster.clock.advance(-30_000);
  await alice.challenge();
  await assert.rejects(alice.addApp("tablet", code), refused("access-denied", /spent/));
  await cluster.close();
});

test("a code without an open challenge of the same scope is worth nothing", async () => {
  const { cluster, secret, alice } = await startWithAlice();
  await assert.rejects(alice.addApp("phone", alice.code(secret)), refused("access-denied"));
  await assert.rejects(
    alice.addApp("phone", await alice.codeFor(secret, "session")),
    refused("access-denied"),
  );
  const late = await alice.codeFor(secret);
  cluster.clock.advance(5 * 60_000);
  await assert.rejects(alice.addApp("phone", late), refused("access-denied"));
  await cluster.close();
});

test("a challenge is spent by a wrong answer", async () => {
  const { cluster, secret, alice } = await startWithAlice();
  await alice.challenge();
  const wrong = { Response: { case: "TOTP" as const, value: { Code: "000000" } } };
  await assert.rejects(alice.addApp("phone", wrong), refused("access-denied"));
  await assert.rejects(alice.addApp("phone", alice.code(secret)), refused("access-denied"));
  await alice.addApp("phone", await alice.codeFor(secret));
  await cluster.close();
});

test("guesses close the second factors, and the login with them", async () => {
  const { cluster, secret, alice } = await startWithAlice();
  for (let i = 0; i < 5; i++) {
    await alice.challenge();
    const wrong = { Response: { case: "TOTP" as const, value: { Code: "000000" } } };
    await assert.rejects(alice.addApp("phone", wrong), refused("access-denied"));
  }
  const right = await alice.codeFor(secret);
  await assert.rejects(alice.addApp("phone", right), refused("access-denied", /closed until/));
  const event = await cluster.lastEvent("mfa_auth_challenge.validate");
  assert.equal(event?.code, "T1016W");
  await cluster.close();
});

test("the last factor stays while the cluster demands one, also when two are removed at once", async () => {
  const { cluster, secret, alice } = await startWithAlice();
  await assert.rejects(
    alice.remove("otp", await alice.codeFor(secret)),
    refused("invalid", /cannot delete the last/),
  );
  cluster.clock.advance(30_000);
  const phone = await alice.addApp("phone", await alice.codeFor(secret));
  const [a, b] = [await alice.codeFor(secret), await alice.codeFor(phone)];
  const both = await Promise.allSettled([alice.remove("otp", a), alice.remove("phone", b)]);
  assert.equal(both.filter(({ status }) => status === "fulfilled").length, 1);
  assert.equal((await alice.names()).length, 1);
  await setPreference(cluster, { second_factor: "optional" });
  const [left = ""] = await alice.names();
  cluster.clock.advance(60_000);
  await alice.remove(left, await alice.codeFor(left === "otp" ? secret : phone));
  assert.deepEqual(await alice.names(), []);
  await cluster.close();
});

test("the last factor of the one sort that the cluster takes stays", async () => {
  const { cluster, secret, alice } = await startWithAlice();
  const key = new SoftwareAuthenticator(origin);
  await alice.addKey("key", key, await alice.codeFor(secret));
  await setPreference(cluster, { second_factor: "webauthn", webauthn: { rp_id: rpId } });
  await assert.rejects(
    alice.remove("key", await alice.touch(key)),
    refused("invalid", /cannot delete the last webauthn device/),
  );
  await alice.remove("otp", await alice.touch(key));
  await cluster.close();
});

test("names are unique per user, bounded and printable", async () => {
  const { cluster, secret, alice } = await startWithAlice();
  const tries: readonly [string, "already-exists" | "invalid"][] = [
    ["otp", "already-exists"],
    ["", "invalid"],
    [" phone", "invalid"],
    ["a".repeat(31), "invalid"],
    ["a\u001b[31m", "invalid"],
    ["a\nb", "invalid"],
  ];
  for (const [name, code] of tries) {
    cluster.clock.advance(30_000);
    await assert.rejects(alice.addApp(name, await alice.codeFor(secret)), refused(code), name);
  }
  assert.deepEqual(await alice.names(), ["otp"]);
  await cluster.close();
});

test("a security key belongs to one user, once", async () => {
  const { cluster, secret, alice } = await startWithAlice();
  const key = new SoftwareAuthenticator(origin);
  await alice.addKey("key", key, await alice.codeFor(secret));
  const again = () => alice.touch(key);
  await assert.rejects(alice.addKey("again", key, await again()), refused("already-exists"));
  const bob = new FactorClient(cluster, (await logIn(cluster, "bob")).client);
  await assert.rejects(bob.addKey("key", key), refused("already-exists"));
  await alice.remove("key", await again());
  await bob.addKey("key", key);
  assert.deepEqual(await bob.names(), ["key"]);
  await cluster.close();
});

const cheats: Readonly<Record<string, Cheat>> = {
  "of another site": { origin: "https://example.org" },
  "of a site whose name ends alike": { origin: "https://evilexample.com" },
  "of a page without TLS": { origin: "http://proxy.example.com" },
  "for another relying party": { rpId: "example.org" },
  "to another challenge": { challenge: Buffer.alloc(32, 7).toString("base64url") },
  "of another ceremony": { type: "webauthn.create" },
  "that nobody touched": { absent: true },
  "with an old counter": { counter: 1 },
  "for another user": { userHandle: Buffer.from("somebody else") },
};

for (const [name, cheat] of Object.entries(cheats)) {
  test(`an answer ${name} is refused`, async () => {
    const { cluster, secret, alice } = await startWithAlice();
    const key = new SoftwareAuthenticator(origin);
    await alice.addKey("key", key, await alice.codeFor(secret));
    await alice.addApp("phone", await alice.touch(key));
    await assert.rejects(
      alice.addApp("tablet", await alice.touch(key, "manage", cheat)),
      refused("access-denied", /invalid or spent/),
    );
    await cluster.close();
  });
}

test("an answer of another key with the same credential id is refused", async () => {
  const { cluster, secret, alice } = await startWithAlice();
  const key = new SoftwareAuthenticator(origin);
  await alice.addKey("key", key, await alice.codeFor(secret));
  const forged = new SoftwareAuthenticator(origin, key.credentialId);
  await assert.rejects(
    alice.addApp("x", await alice.touch(forged, "manage", { counter: 99 })),
    refused("access-denied"),
  );
  await cluster.close();
});

test("an answer of a security key is good once, and for its scope", async () => {
  const { cluster, secret, alice } = await startWithAlice();
  const key = new SoftwareAuthenticator(origin);
  await alice.addKey("key", key, await alice.codeFor(secret));
  const answer = await alice.touch(key);
  await alice.addApp("phone", answer);
  await assert.rejects(alice.addApp("tablet", answer), refused("access-denied"));
  await assert.rejects(
    alice.addApp("tablet", await alice.touch(key, "session")),
    refused("access-denied"),
  );
  await cluster.close();
});

test("a removed key is worth nothing at once, also for a challenge that is open", async () => {
  const { cluster, secret, alice } = await startWithAlice();
  const key = new SoftwareAuthenticator(origin);
  await alice.addKey("key", key, await alice.codeFor(secret));
  const open = await alice.touch(key);
  cluster.clock.advance(30_000);
  await alice.remove("key", await alice.codeFor(secret));
  await assert.rejects(alice.addApp("phone", open), refused("access-denied"));
  await cluster.close();
});

test("registrations that do not hold are refused: another site, another challenge, nobody there", async () => {
  const { cluster, alice } = await startWithAlice({
    second_factor: "optional",
    webauthn: { rp_id: rpId },
  });
  const bob = new FactorClient(cluster, (await logIn(cluster, "bob")).client);
  for (const name of [
    "of another site",
    "for another relying party",
    "to another challenge",
    "that nobody touched",
  ]) {
    const key = new SoftwareAuthenticator(origin);
    await assert.rejects(
      bob.addKey("key", key, undefined, cheats[name]),
      (error) => isFault(error, "unproven", "not-found"),
      name,
    );
  }
  assert.deepEqual(await bob.names(), []);
  assert.deepEqual(await alice.names(), ["otp"]);
  await cluster.close();
});

test("a registration belongs to who began it", async () => {
  const { cluster, alice } = await startWithAlice({ second_factor: "optional" });
  const bob = new FactorClient(cluster, (await logIn(cluster, "bob")).client);
  const { Request } = await (await bob.auth()).createRegisterChallenge({
    DeviceType: DeviceType.TOTP,
  });
  assert.equal(Request.case, "TOTP");
  const { Secret, ID } = Request.case === "TOTP" ? Request.value : { Secret: "", ID: "" };
  const value = { Code: codeOf(Secret, cluster.clock.now()), ID };
  const add = {
    NewDeviceName: "x",
    NewMFAResponse: { Response: { case: "TOTP" as const, value } },
  };
  await assert.rejects((await alice.auth()).addMFADeviceSync(add), refused("not-found"));
  await (await bob.auth()).addMFADeviceSync(add);
  await cluster.close();
});

test("what the cluster does not take cannot be registered, and what it took no longer counts", async () => {
  const { cluster, secret, alice } = await startWithAlice({ second_factor: "otp" });
  const register = async (type: DeviceType, usage: DeviceUsage = DeviceUsage.UNSPECIFIED) =>
    (await alice.auth()).createRegisterChallenge({
      DeviceType: type,
      DeviceUsage: usage,
      ExistingMFAResponse: await alice.codeFor(secret),
    });
  await assert.rejects(register(DeviceType.WEBAUTHN), refused("invalid", /not allowed/));
  cluster.clock.advance(30_000);
  await assert.rejects(
    register(DeviceType.TOTP, DeviceUsage.PASSWORDLESS),
    refused("unimplemented"),
  );
  await setPreference(cluster, { second_factor: "webauthn", webauthn: { rp_id: rpId } });
  assert.equal((await alice.challenge()).TOTP, undefined);
  await setPreference(cluster, { second_factor: "off" });
  await assert.rejects(alice.addApp("phone"), refused("invalid", /disabled/));
  await cluster.close();
});

test("a cluster that lists makers of keys registers none, because nobody here can check them", async () => {
  const pem = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";
  for (const list of ["attestation_allowed_cas", "attestation_denied_cas"]) {
    const { cluster, secret, alice } = await startWithAlice({
      second_factor: "on",
      webauthn: { rp_id: rpId, [list]: [pem] },
    });
    const key = new SoftwareAuthenticator(origin);
    await assert.rejects(
      alice.addKey("key", key, await alice.codeFor(secret)),
      refused("unimplemented", /makers/),
    );
    await cluster.close();
  }
});

test("what a deleted user was registering does not become the next one's of that name", async () => {
  const { cluster, secret, alice } = await startWithAlice();
  const { context } = cluster.auth;
  const auth = await alice.auth();
  const shown = await alice.codeFor(secret);
  const { Request } = await auth.createRegisterChallenge({
    DeviceType: DeviceType.TOTP,
    ExistingMFAResponse: shown,
  });
  assert.ok(Request.case === "TOTP");
  const { Secret, ID } = Request.value;
  await deleteUser(context, "alice", "editor");
  const answer = { type: "totp", id: ID, code: codeOf(Secret, cluster.clock.now()) } as const;
  await assert.rejects(
    finishRegistration(context, { user: "alice", fields: {} }, "phone", answer),
    refused("not-found"),
  );
  assert.deepEqual((await context.credentials.secondFactors.get("alice")).devices, []);
  await cluster.close();
});

test("a reset gives a stolen login no second factor: neither while the link is open nor after it", async () => {
  const { cluster, secret, alice: thief } = await startWithAlice();
  const { context } = cluster.auth;
  const auth = await thief.auth();
  const begun = await auth.createRegisterChallenge({
    DeviceType: DeviceType.TOTP,
    ExistingMFAResponse: await thief.codeFor(secret),
  });
  const { token, invitation } = await context.invitations.create("alice", "password", 0);
  await assert.rejects(thief.addApp("thief"), refused("invalid", /second factor/));
  cluster.clock.advance(30_000);
  const code = codeOf(invitation.totp.secret, cluster.clock.now());
  await context.invitations.accept(
    token,
    "a new password of alice",
    (open) => firstDevice(context, open, { code }),
    async () => {},
  );
  assert.ok(begun.Request.case === "TOTP");
  const { Secret, ID } = begun.Request.value;
  const late = { Code: codeOf(Secret, cluster.clock.now()), ID };
  await assert.rejects(
    auth.addMFADeviceSync({
      NewDeviceName: "thief",
      NewMFAResponse: { Response: { case: "TOTP", value: late } },
    }),
    refused("not-found", /registration/),
  );
  assert.deepEqual(await thief.names(), ["otp"]);
  await cluster.close();
});
