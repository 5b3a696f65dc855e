/**
 * teleport#52133: the cluster that a certificate names is not the one whose authority signed it; and CVE-2026-39984: the
 * checks are made on another certificate than the one that was verified. Classes 18 and 21 of docs/bug-classes.md, where
 * every door asks: who is this peer?
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { identifyCertificate } from "#api/peer.ts";
import { concat } from "#base/bytes.ts";
import { encodeSubject } from "#identity/subject.ts";
import type { Rdn } from "#x509/name.ts";
import { hours, issueLeaf, makeAuthority, testNow } from "../support/certificates.ts";
import { makeSystem, makeUser } from "../support/identity.ts";

const cluster = "example.com";
const users = makeAuthority("p256", cluster);
const hosts = makeAuthority("p256", cluster);
const leafCluster = makeAuthority("p256", "leaf.example.com");
/** Another cluster that calls itself as ours does. */
const namesake = makeAuthority("p256", cluster);
const trusted = { user: [users.certificate], host: [hosts.certificate] };

const expires = hours(12);
const alice = encodeSubject(makeUser({ cluster, expires }));
const proxy = encodeSubject(makeSystem({ cluster, systemRoles: ["Proxy"], expires }));
const admin = encodeSubject(makeSystem({ cluster, systemRoles: ["Admin"], expires }));

function identify(der: Uint8Array, now = testNow) {
  return identifyCertificate(der, trusted, now, "192.0.2.7").identity;
}

function leaf(authority: typeof users, subject: readonly Rdn[], more = {}): Uint8Array {
  return issueLeaf(authority, { subject, ...more }).encoded;
}

test("the authority decides whether a subject is a person or a service", () => {
  assert.equal(identify(leaf(users, alice))?.kind, "user");
  assert.equal(identify(leaf(hosts, proxy))?.kind, "system");
  // A user named like a service, and a service named like a user, are neither.
  for (const subject of [proxy, admin]) {
    assert.notEqual(identify(leaf(users, subject))?.kind, "system");
  }
  assert.notEqual(identify(leaf(hosts, alice))?.kind, "user");
});

test("another cluster's authority identifies nobody here, whatever name it bears", () => {
  for (const authority of [leafCluster, namesake]) {
    for (const subject of [alice, proxy, admin]) {
      assert.equal(identify(leaf(authority, subject)), undefined);
    }
  }
});

test("a certificate of ours that names another cluster, two clusters or none identifies nobody", () => {
  const other = encodeSubject(makeUser({ cluster: "leaf.example.com", expires }));
  const clusterType = issuedClusterType();
  const none = alice.filter((rdn) => rdn.type !== clusterType);
  const both = [...alice, { type: clusterType, value: "leaf.example.com" }];
  for (const subject of [other, none, both]) {
    assert.equal(identify(leaf(users, subject)), undefined);
  }
});

/** The attribute that names the cluster: the one in which both subjects differ and that is no route. */
function issuedClusterType(): string {
  const other = encodeSubject(makeUser({ cluster: "other", expires }));
  const found = alice.find(
    (rdn, index) => other[index]?.value === "other" && rdn.value === cluster,
  );
  assert.ok(found);
  return found.type;
}

test("a certificate with another one behind it, or expired, identifies nobody", () => {
  const good = leaf(users, alice);
  assert.ok(identify(good));
  assert.equal(identify(concat(good, good)), undefined);
  assert.equal(identify(concat(leaf(namesake, alice), good)), undefined);
  assert.equal(identify(good, hours(12.01)), undefined);
  assert.equal(identify(good, hours(-2)), undefined);
});

test("the authority's own certificate, and a leaf that signs others, identify nobody", () => {
  assert.equal(identify(users.certificate.encoded), undefined);
  assert.equal(
    identify(leaf(users, alice, { authority: true, keyUsage: ["keyCertSign"] })),
    undefined,
  );
  const server = { extendedKeyUsage: ["1.3.6.1.5.5.7.3.1"] };
  assert.equal(identify(leaf(users, alice, server)), undefined, "for servers only");
});
