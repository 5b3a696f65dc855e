/** Requests for certificates: ours are what openssl makes of them, and none without its own key's signature counts. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import { issueCertificateRequest, parseCertificateRequest } from "./certificate-request.ts";
import { attributes } from "./name.ts";
import { formatPem, parseSinglePem } from "./pem.ts";
import { signerOf } from "./signer.ts";

const subject = [{ type: attributes.commonName, value: "db.example.com" }];
const signer = signerOf(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey);
const request = issueCertificateRequest(subject, signer);

test("openssl verifies a request of ours, and we read one of openssl's", () => {
  const input = formatPem("CERTIFICATE REQUEST", request);
  const ran = spawnSync("openssl", ["req", "-verify", "-noout", "-subject"], {
    input,
    encoding: "utf8",
  });
  assert.match(ran.stdout + ran.stderr, /CN = db\.example\.com/);
  assert.equal(ran.status, 0, ran.stderr);
  const args = [
    "req",
    "-new",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-keyout",
    "/dev/null",
    "-subj",
    "/CN=pg",
  ];
  const made = spawnSync("openssl", args, { encoding: "utf8" });
  const read = parseCertificateRequest(parseSinglePem("CERTIFICATE REQUEST", made.stdout));
  assert.deepEqual(read.subject, [{ type: attributes.commonName, value: "pg" }]);
});

test("a request for somebody else's key is refused", () => {
  const other = signerOf(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey);
  const forged = issueCertificateRequest(subject, { ...signer, sign: (tbs) => other.sign(tbs) });
  assert.throws(
    () => parseCertificateRequest(forged),
    (error) => isFault(error, "unproven"),
  );
});

test("a request with one byte changed, or with bytes behind it, is refused", () => {
  const refused = (der: Uint8Array) =>
    assert.throws(
      () => parseCertificateRequest(der),
      (error) => isFault(error, "malformed", "unproven", "invalid"),
    );
  for (let at = 0; at < request.length; at++) {
    const changed = request.slice();
    changed[at] = (changed[at] ?? 0) ^ 1;
    refused(changed);
  }
  refused(Uint8Array.of(...request, 0));
});

test("any bytes are refused as what they are", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        parseCertificateRequest(bytes);
        assert.fail("that is no request");
      } catch (error) {
        assert.ok(isFault(error, "malformed", "invalid", "unproven"));
      }
    }),
  );
});
