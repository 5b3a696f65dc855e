/** X.509 certificates: parsed, verified, and taken apart into an identity; compared with Node's own reader. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { identifyCertificate } from "#api/peer.ts";
import { sameBytes } from "#base/bytes.ts";
import { isFault } from "#base/fault.ts";
import { parseCertificate } from "#x509/certificate.ts";
import { formatName } from "#x509/name.ts";
import { decodePublicKey } from "#x509/public-key.ts";
import { fixtureTime, x509Authority, x509Certificate } from "../fixtures.ts";
import type { Target } from "../target.ts";

export const x509: Target = {
  name: "x509",
  maxLength: 70_000,
  dictionary: [
    Uint8Array.of(0x06, 0x03, 0x55, 0x1d, 0x13),
    Uint8Array.of(0x06, 0x03, 0x55, 0x1d, 0x11),
    Uint8Array.of(0x01, 0x01, 0xff),
    Uint8Array.of(0x0c, 0x01, 0x00),
    "20261121120000Z",
    "20260229120000Z",
  ],
  open() {
    const genuine = [x509Certificate(), x509Certificate(true), x509Authority.encoded];
    const trusted = { user: [x509Authority], host: [x509Authority] };
    return {
      seeds: genuine,
      run(input) {
        const { identity } = identifyCertificate(input, trusted, fixtureTime, "192.0.2.7");
        const known = genuine.some((each) => sameBytes(each, input));
        assert.ok(identity === undefined || known, "a forgery identifies a user");
        const certificate = parseCertificate(input);
        formatName(certificate.subject);
        try {
          decodePublicKey(certificate.publicKey);
        } catch (error) {
          if (!isFault(error)) throw error;
          return "odd key";
        }
        return compareWithNode(input, certificate);
      },
    };
  },
};

/** Node may refuse what we read; what both read must be the same. */
function compareWithNode(input: Uint8Array, ours: ReturnType<typeof parseCertificate>): string {
  let node: X509Certificate;
  try {
    node = new X509Certificate(input);
  } catch {
    return "only ours";
  }
  assert.equal(BigInt(`0x${node.serialNumber}`), ours.serial, "serial numbers differ");
  assert.equal(node.validFromDate.getTime(), ours.notBefore.getTime(), "beginnings differ");
  assert.equal(node.validToDate.getTime(), ours.notAfter.getTime(), "ends differ");
  // Node also wants the right key usage, so it may say less, and never more.
  assert.ok(ours.authority || !node.ca, "only Node takes it for an authority");
  return `both ${ours.extensions.length} ${ours.subject.length}`;
}
