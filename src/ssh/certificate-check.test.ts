import assert from "node:assert/strict";
import { createSign } from "node:crypto";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { parseCertificate } from "#ssh/certificate.ts";
import { type CertificatePurpose, checkCertificate } from "#ssh/certificate-check.ts";
import { Writer } from "#ssh/wire.ts";
import { certify, createKey } from "../../test/support/ssh-keys.ts";

const authority = createKey();
const holder = createKey();
const start = new Date("2026-01-01T00:00:00Z");
const end = new Date("2026-01-01T12:00:00Z");
const validity = { validAfter: start, validBefore: end };

const purpose: CertificatePurpose = {
  type: "user",
  authorities: [authority.signer.publicKey],
  now: start,
  principal: "root",
};

type Changes = Parameters<typeof certify>[2];

function check(certificate: Changes, change: Partial<CertificatePurpose> = {}): void {
  const blob = certify(holder, authority, { ...validity, ...certificate });
  checkCertificate(parseCertificate(blob), { ...purpose, ...change });
}

function refusedBy(name: string, act: () => void): void {
  assert.throws(act, (error) => isFault(error, "unproven") && error.audit["check"] === name);
}

test("accepts a good certificate from its first to its last second", () => {
  check({});
  check({}, { now: new Date(end.getTime() - 1) });
});

test("refuses it a second before and at its end", () => {
  refusedBy("validity", () => check({}, { now: new Date(start.getTime() - 1) }));
  refusedBy("validity", () => check({}, { now: end }));
});

test("refuses a certificate for the other role", () => {
  refusedBy("type", () => check({ type: "host" }));
  refusedBy("type", () => check({}, { type: "host" }));
});

test("refuses an authority that is not trusted, and all when none is configured", () => {
  refusedBy("authority", () => check({}, { authorities: [createKey().signer.publicKey] }));
  refusedBy("authority", () => check({}, { authorities: [] }));
});

test("refuses a certificate with any signed byte changed", () => {
  const blob = certify(holder, authority, { ...validity, keyId: "alice" });
  const at = Buffer.from(blob).indexOf("alice");
  const changed = Uint8Array.from(blob);
  changed[at] = "m".charCodeAt(0);
  refusedBy("signature", () => checkCertificate(parseCertificate(changed), purpose));
});

test("refuses a certificate that another key signed in the name of the authority", () => {
  const signer = { ...createKey().signer, publicKey: authority.signer.publicKey };
  const blob = certify(holder, { ...authority, signer }, validity);
  refusedBy("signature", () => checkCertificate(parseCertificate(blob), purpose));
});

test("refuses an authority's RSA signature with SHA-1", () => {
  const rsa = createKey("rsa");
  const signer = {
    ...rsa.signer,
    sign(data: Uint8Array) {
      const value = createSign("sha1").update(data).sign(rsa.privateKey);
      return new Writer(512).string("ssh-rsa").string(value).done();
    },
  };
  const blob = certify(holder, { ...rsa, signer }, validity);
  const authorities = [rsa.signer.publicKey];
  refusedBy("signature", () =>
    checkCertificate(parseCertificate(blob), { ...purpose, authorities }),
  );
});

test("matches principals of users exactly", () => {
  for (const principal of ["Root", "roo", "root ", "", "root,alice", "*"]) {
    refusedBy("principal", () => check({ principals: ["root", "alice"] }, { principal }));
  }
  check({ principals: ["root", "alice"] }, { principal: "alice" });
});

test("matches principals of hosts regardless of case and without patterns", () => {
  const type = "host";
  check({ type, principals: ["Node.Example"] }, { type, principal: "node.example" });
  refusedBy("principal", () =>
    check({ type, principals: ["*.example"] }, { type, principal: "node.example" }),
  );
});

test("refuses a certificate without principals, which OpenSSH would take for any host", () => {
  const withoutPrincipals = new Writer()
    .string("ssh-ed25519-cert-v01@openssh.com")
    .string(new Uint8Array(32))
    .string(holder.signer.publicKey.subarray(-32))
    .uint64(1n)
    .uint32(2)
    .string("id")
    .string("")
    .uint64(0n)
    .uint64(2n ** 64n - 1n)
    .string("")
    .string("")
    .string("")
    .string(authority.signer.publicKey);
  const signature = authority.signer.sign(withoutPrincipals.done(), "ssh-ed25519");
  const certificate = parseCertificate(withoutPrincipals.string(signature).done());
  for (const principal of ["", "node"]) {
    refusedBy("principal", () =>
      checkCertificate(certificate, { ...purpose, type: "host", principal }),
    );
  }
});

test("refuses critical options that the caller does not enforce", () => {
  const criticalOptions = { "force-command": "true" };
  refusedBy("critical-option", () => check({ criticalOptions }));
  check({ criticalOptions }, { knownCriticalOptions: ["force-command"] });
});

test("knows no critical option of hosts, not even source-address", () => {
  const criticalOptions = { "source-address": "0.0.0.0/0" };
  const change: Partial<CertificatePurpose> = { type: "host", sourceAddress: "10.0.0.1" };
  refusedBy("critical-option", () => check({ type: "host", criticalOptions }, change));
});

const addresses: readonly (readonly [list: string, address: string | undefined, good: boolean])[] =
  [
    ["10.1.2.3/32", "10.1.2.3", true],
    ["10.1.2.3/32", "::ffff:10.1.2.3", true],
    ["10.1.2.3", "10.1.2.3", true],
    ["10.1.2.3/32", "10.1.2.4", false],
    ["10.0.0.0/8,192.168.1.0/24", "192.168.1.77", true],
    ["10.0.0.0/8,192.168.1.0/24", "192.168.2.1", false],
    ["2001:db8::/32", "2001:db8::1", true],
    ["2001:db8::/32", "2001:db9::1", false],
    ["0.0.0.0/0", "2001:db8::1", false],
    ["10.1.2.3/32", undefined, false],
    ["10.1.2.3/32", "not an address", false],
    ["", "10.1.2.3", false],
    ["10.1.2.3/33", "10.1.2.3", false],
    ["10.1.2.3/", "10.1.2.3", false],
    ["10.1.2.3/32/32", "10.1.2.3", false],
    ["10.1.2.3/32,nonsense", "10.1.2.3", false],
    ["10.1.2.3/32, 10.1.2.4/32", "10.1.2.3", false],
  ];

for (const [list, address, good] of addresses) {
  test(`source-address "${list}" ${good ? "allows" : "refuses"} ${address}`, () => {
    const criticalOptions = { "source-address": list };
    const change = address === undefined ? {} : { sourceAddress: address };
    const act = (): void => check({ criticalOptions }, change);
    if (good) act();
    else refusedBy("source-address", act);
  });
}
