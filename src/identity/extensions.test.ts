import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import { anyUser, makeSystem, makeUser, testDevice } from "../../test/support/identity.ts";
import { decodeExtensions, encodeExtensions, encodeHostExtensions } from "./extensions.ts";
import type { UserIdentity } from "./identity.ts";

const random = (length: number): Uint8Array => new Uint8Array(length).fill(7);

function certificateOf(user: UserIdentity): Parameters<typeof decodeExtensions>[0] {
  const { keyId, principals, criticalOptions, extensions } = encodeExtensions(user, random);
  return {
    keyId,
    principals,
    validBefore: BigInt(user.expires.getTime() / 1000),
    criticalOptions: new Map(Object.entries(criticalOptions)),
    extensions: new Map(Object.entries(extensions)),
  };
}

test("the extensions of a user are those of the public format", () => {
  const user = makeUser({ loginIp: "127.0.0.1", pinnedIp: "127.0.0.1", device: testDevice });
  assert.deepEqual(encodeExtensions(user, random), {
    keyId: "alice",
    principals: ["root", "ubuntu", "-teleport-internal-join"],
    criticalOptions: { "source-address": "127.0.0.1/32" },
    extensions: {
      "permit-pty": "",
      "permit-port-forwarding": "",
      "permit-agent-forwarding": "",
      "login-ip": "127.0.0.1",
      "private-key-policy": "none",
      "teleport-roles": '{"version":"v1","roles":["access"]}',
      "teleport-traits": '{"logins":["root","ubuntu"]}',
      "teleport-route-to-cluster": "example.com",
      "teleport-device-id": testDevice.deviceId,
      "teleport-device-asset-tag": testDevice.assetTag,
      "teleport-device-credential-id": testDevice.credentialId,
    },
  });
});

test("a user without logins gets one principal that nobody can log in as", () => {
  const { principals } = encodeExtensions(makeUser({ logins: [] }), random);
  assert.deepEqual(principals, [
    "-teleport-nologin-07070707-0707-4707-8707-070707070707",
    "-teleport-internal-join",
  ]);
});

test("reading a certificate gives back the user, without what only X.509 carries", () => {
  fc.assert(
    fc.property(anyUser, (any) => {
      const { database: _route, kubernetesCluster: _kube, ...rest } = any;
      const user: UserIdentity = {
        ...rest,
        usage: [],
        kubernetesUsers: [],
        kubernetesGroups: [],
        databaseNames: [],
        databaseUsers: [],
      };
      assert.deepEqual(decodeExtensions(certificateOf(user), user.cluster), user);
    }),
  );
});

test("a certificate for one use only has no SSH half", () => {
  assert.throws(
    () => encodeExtensions(makeUser({ usage: ["db"] }), random),
    (error) => isFault(error, "invalid"),
  );
});

test("what cannot be in a certificate is not written", () => {
  for (const changes of [
    { username: "" },
    { roles: [] },
    { logins: ["root,admin"] },
    { traits: { long: ["x".repeat(40_000)] } },
    { device: { ...testDevice, credentialId: "" } },
  ]) {
    assert.throws(
      () => encodeExtensions(makeUser(changes), random),
      (error) => isFault(error, "invalid"),
    );
  }
});

test("a host certificate names its cluster and role", () => {
  assert.deepEqual(encodeHostExtensions(makeSystem({ hostId: "h" })), {
    keyId: "h.example.com",
    extensions: { "x-teleport-authority": "example.com", "x-teleport-role": "Node" },
  });
});

const good = certificateOf(makeUser({ device: testDevice }));
const withExtension = (name: string, value: string | undefined) => {
  const extensions = new Map(good.extensions);
  if (value === undefined) extensions.delete(name);
  else extensions.set(name, value);
  return { ...good, extensions };
};

const attacks: readonly (readonly [string, Parameters<typeof decodeExtensions>[0]])[] = [
  ["no key id", { ...good, keyId: "" }],
  ["no end", { ...good, validBefore: 0xffff_ffff_ffff_ffffn }],
  ["a principal with a space", { ...good, principals: ["root admin"] }],
  ["an empty principal", { ...good, principals: [""] }],
  ["an unknown critical option", { ...good, criticalOptions: new Map([["force-command", "x"]]) }],
  [
    "a wide source address",
    { ...good, criticalOptions: new Map([["source-address", "10.0.0.0/8"]]) },
  ],
  [
    "two source addresses",
    { ...good, criticalOptions: new Map([["source-address", "1.1.1.1/32,2.2.2.2/32"]]) },
  ],
  [
    "a version 6 address with /32",
    { ...good, criticalOptions: new Map([["source-address", "2001:db8::/32"]]) },
  ],
  ["no roles", withExtension("teleport-roles", undefined)],
  ["roles that are no JSON", withExtension("teleport-roles", "access")],
  ["roles that are null", withExtension("teleport-roles", "null")],
  ["roles that are one text", withExtension("teleport-roles", '{"roles":"access"}')],
  ["broken traits", withExtension("teleport-traits", "{")],
  ["oversized traits", withExtension("teleport-traits", `{"a":["${"x".repeat(40_000)}"]}`)],
  ["a device without id", withExtension("teleport-device-id", undefined)],
  ["a device without asset tag", withExtension("teleport-device-asset-tag", undefined)],
  ["a device without credential", withExtension("teleport-device-credential-id", undefined)],
  ["an empty device id", withExtension("teleport-device-id", "")],
  ["a list of resources", withExtension("teleport-allowed-resources", "[]")],
  ["broken requests", withExtension("teleport-active-requests", "[1")],
  ["requests that are no list", withExtension("teleport-active-requests", '{"access_requests":7}')],
  ["a broken time", withExtension("prev-identity-expires", "soon")],
];

for (const [name, certificate] of attacks) {
  test(`a certificate with ${name} is refused`, () => {
    assert.throws(
      () => decodeExtensions(certificate, "example.com"),
      (error) => isFault(error, "malformed"),
    );
  });
}

test("extensions that are not known here are ignored, and absent permissions are forbidden", () => {
  const user = decodeExtensions(withExtension("permit-pty", undefined), "example.com");
  assert.equal(user.permit.pty, false);
  const same = decodeExtensions(withExtension("login@example.com", "x"), "example.com");
  assert.deepEqual(same, decodeExtensions(good, "example.com"));
});
