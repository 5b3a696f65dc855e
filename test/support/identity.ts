/** Identities for tests: a plain user, and generators of every user that a certificate can carry. */
import fc from "fast-check";
import type { SystemIdentity, UserIdentity } from "#identity/identity.ts";
import type { DeviceFacts } from "#resource/device-facts.ts";

/** Alice with the role `access`, no device and all permissions; `changes` override. */
export function makeUser(changes: Partial<UserIdentity> = {}): UserIdentity {
  return {
    kind: "user",
    username: "alice",
    cluster: "example.com",
    roles: ["access"],
    traits: { logins: ["root", "ubuntu"] },
    logins: ["root", "ubuntu"],
    expires: new Date("2026-01-01T12:00:00Z"),
    usage: [],
    routeToCluster: "example.com",
    privateKeyPolicy: "none",
    activeRequests: [],
    disallowReissue: false,
    kubernetesUsers: [],
    kubernetesGroups: [],
    databaseNames: [],
    databaseUsers: [],
    permit: { pty: true, portForwarding: true, agentForwarding: true, x11Forwarding: false },
    ...changes,
  };
}

/** The device fields of an enrolled device. */
export const testDevice = {
  deviceId: "20ec6373-9e8e-46e0-8f1c-47ad6b06a768",
  assetTag: "C00AA0AAAA0A",
  credentialId: "661c9340-81b0-4a1a-a671-7b1304d28600",
} as const;

/** What the cluster knows of {@link testDevice}, an hour after it last proved itself at the time of the tests of access. */
export const testFacts: DeviceFacts = {
  credential_id: testDevice.credentialId,
  asset_tag: testDevice.assetTag,
  os: "linux",
  os_version: "22.04",
  attestation: "tpm_ekcert",
  secure_boot: true,
  source: "jamf",
  origin: "jamf",
  owner: "alice",
  data_time: "2026-01-01T09:00:00.000Z",
  profile_time: "2025-12-31T10:00:00.000Z",
  profile_agrees: true,
};

/** A node's identity; `changes` override. */
export function makeSystem(changes: Partial<SystemIdentity> = {}): SystemIdentity {
  return {
    kind: "system",
    hostId: "3a3ea7b5-0a3b-4f2d-8f8e-5d6a2f0a9c01",
    cluster: "example.com",
    systemRoles: ["Node"],
    expires: new Date("2036-01-01T00:00:00Z"),
    ...changes,
  };
}

const word = fc
  .string({ unit: "grapheme", minLength: 1, maxLength: 20 })
  .filter((text) => !/[\0-\x1f\x7f-\x9f]/.test(text) && text.isWellFormed());
const login = fc.stringMatching(/^[a-z_][a-z0-9_.@-]{0,20}$/);
const ip = fc.oneof(fc.ipV4(), fc.constantFrom("::1", "2001:db8::7"));
const texts = fc.uniqueArray(word, { maxLength: 3 });
const second = fc
  .integer({ min: 0, max: 4_000_000_000 })
  .map((seconds) => new Date(seconds * 1000));

const plain = { noNullPrototype: true } as const;

/** Users with any combination of fields; `permit` and usage included. */
export const anyUser: fc.Arbitrary<UserIdentity> = fc.record(
  {
    kind: fc.constant("user" as const),
    username: word,
    cluster: word,
    roles: fc.uniqueArray(word, { minLength: 1, maxLength: 4 }),
    traits: fc.dictionary(
      word.filter((name) => name !== "__proto__"),
      fc
        .array(fc.string({ unit: "grapheme" }), { maxLength: 3 })
        .filter((list) => list.every((value) => value.isWellFormed())),
      { maxKeys: 4, noNullPrototype: true },
    ),
    logins: fc.uniqueArray(login, { maxLength: 4 }),
    expires: second,
    usage: fc.subarray(["kube", "db", "apps", "windows_desktop"] as const),
    routeToCluster: fc.oneof(word, fc.constant("")),
    privateKeyPolicy: fc.constantFrom("none", ""),
    loginIp: ip,
    pinnedIp: ip,
    mfaVerified: word,
    previousIdentityExpires: second,
    activeRequests: texts,
    impersonator: word,
    disallowReissue: fc.boolean(),
    botName: word,
    kubernetesUsers: texts,
    kubernetesGroups: texts,
    kubernetesCluster: word,
    databaseNames: texts,
    databaseUsers: texts,
    database: fc.record(
      {
        serviceName: word,
        protocol: fc.constantFrom("postgres", ""),
        username: fc.oneof(word, fc.constant("")),
        database: fc.oneof(word, fc.constant("")),
        roles: texts,
      },
      plain,
    ),
    device: fc.record({ deviceId: word, assetTag: word, credentialId: word }, plain),
    permit: fc.record(
      {
        pty: fc.boolean(),
        portForwarding: fc.boolean(),
        agentForwarding: fc.boolean(),
        x11Forwarding: fc.boolean(),
      },
      plain,
    ),
  },
  {
    ...plain,
    requiredKeys: [
      "kind",
      "username",
      "cluster",
      "roles",
      "traits",
      "logins",
      "expires",
      "usage",
      "routeToCluster",
      "privateKeyPolicy",
      "activeRequests",
      "disallowReissue",
      "kubernetesUsers",
      "kubernetesGroups",
      "databaseNames",
      "databaseUsers",
      "permit",
    ],
  },
);
