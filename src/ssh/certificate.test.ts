import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import { systemRandom } from "#base/random.ts";
import { type CertificateRequest, issueCertificate, parseCertificate } from "#ssh/certificate.ts";
import { checkCertificate } from "#ssh/certificate-check.ts";
import { certify, createKey } from "../../test/support/ssh-keys.ts";

const authority = createKey();
const holder = createKey();

for (const kind of ["ed25519", "ecdsa256", "ecdsa384", "ecdsa521", "rsa"] as const) {
  for (const caKind of ["ed25519", "ecdsa256", "rsa"] as const) {
    test(`an authority of kind ${caKind} certifies a key of kind ${kind}`, () => {
      const [key, ca] = [createKey(kind), createKey(caKind)];
      const certificate = parseCertificate(certify(key, ca));
      assert.deepEqual(certificate.key.blob, key.signer.publicKey);
      checkCertificate(certificate, {
        type: "user",
        authorities: [ca.signer.publicKey],
        now: new Date(),
        principal: "root",
      });
    });
  }
}

test("everything that is asked for stands in the certificate", () => {
  const name = fc.stringMatching(/^[a-z][a-z0-9@.-]{0,20}$/);
  const record = fc.dictionary(name, fc.string({ unit: "grapheme", maxLength: 20 }));
  const principal = fc.stringMatching(/^[^,\s\0]+$/);
  fc.assert(
    fc.property(
      fc.record({
        type: fc.constantFrom("user", "host") as fc.Arbitrary<"user" | "host">,
        serial: fc.bigInt(0n, 2n ** 64n - 1n),
        keyId: fc.string({ unit: "grapheme" }),
        principals: fc.array(principal, { minLength: 1, maxLength: 5 }),
        criticalOptions: record,
        extensions: record,
      }),
      (request) => {
        const certificate = parseCertificate(certify(holder, authority, request));
        const { type, serial, keyId, principals } = certificate;
        assert.deepEqual(
          { type, serial, keyId, principals },
          {
            ...{ type: request.type, serial: request.serial },
            ...{ keyId: request.keyId, principals: request.principals },
          },
        );
        const sorted = (options: Record<string, string>) => new Map(Object.entries(options).sort());
        assert.deepEqual(certificate.criticalOptions, sorted(request.criticalOptions));
        assert.deepEqual(certificate.extensions, sorted(request.extensions));
        assert.deepEqual(
          [...certificate.extensions.keys()],
          Object.keys(request.extensions).sort(),
        );
      },
    ),
    { numRuns: 50 },
  );
});

test("no two certificates have the same nonce", () => {
  const request: CertificateRequest = {
    ...{ type: "user", publicKey: holder.signer.publicKey, serial: 1n, keyId: "a" },
    ...{ principals: ["a"], validAfter: new Date(0), validBefore: new Date(1000) },
  };
  const issue = () => issueCertificate(request, authority.signer, systemRandom);
  assert.notDeepEqual(issue(), issue());
});

const badRequests: Record<string, Partial<CertificateRequest>> = {
  "no principals": { principals: [] },
  "an empty principal": { principals: ["root", ""] },
  "a principal with a comma": { principals: ["root,alice"] },
  "a principal with a space": { principals: ["ro ot"] },
  "a principal with a NUL": { principals: ["root\0alice"] },
  "a principal with a line end": { principals: ["root\n"] },
  "a validity that ends as it begins": { validAfter: new Date(5000), validBefore: new Date(5000) },
  "a validity that is no date": { validBefore: new Date(Number.NaN) },
  "a validity before 1970": { validAfter: new Date(-1000) },
  "a serial number beyond 64 bit": { serial: 2n ** 64n },
  "a negative serial number": { serial: -1n },
  "an option without a name": { extensions: { "": "" } },
  "a certificate in place of the key": { publicKey: certify(holder, authority) },
  "a key with trailing bytes": {
    publicKey: Uint8Array.from([...holder.signer.publicKey, 0]),
  },
};

for (const [what, change] of Object.entries(badRequests)) {
  test(`issues nothing for ${what}`, () => {
    assert.throws(
      () => certify(holder, authority, change),
      (error) => isFault(error, "invalid", "malformed"),
    );
  });
}

test("issues nothing when a certificate stands for the authority's key", () => {
  const signer = { ...authority.signer, publicKey: certify(authority, authority) };
  assert.throws(() => certify(holder, { ...authority, signer }));
});
