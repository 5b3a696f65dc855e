import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { concat } from "#base/bytes.ts";
import { isFault } from "#base/fault.ts";
import { parseCertificate } from "#ssh/certificate.ts";
import { Writer } from "#ssh/wire.ts";
import { certify, createKey } from "../../test/support/ssh-keys.ts";

const authority = createKey();
const holder = createKey();
const good = certify(holder, authority, { criticalOptions: { a: "1" }, extensions: { b: "" } });
const type = "ssh-ed25519-cert-v01@openssh.com";

/** The parts of a certificate that the attacks below change. */
interface Parts {
  type: string;
  point: Uint8Array;
  number: number;
  principals: Uint8Array;
  criticalOptions: Uint8Array;
  extensions: Uint8Array;
  authority: Uint8Array;
  after: Uint8Array;
}

/** A certificate for the holder, signed by the authority, with parts replaced. */
function build(changes: Partial<Parts>): Uint8Array {
  const none = new Uint8Array(0);
  const parts: Parts = {
    ...{ type, point: holder.signer.publicKey.subarray(-32), number: 1 },
    principals: strings("root"),
    ...{ criticalOptions: none, extensions: none },
    ...{ authority: authority.signer.publicKey, after: none },
    ...changes,
  };
  const writer = new Writer()
    .string(parts.type)
    .string(new Uint8Array(32))
    .string(parts.point)
    .uint64(1n)
    .uint32(parts.number)
    .string("alice")
    .string(parts.principals)
    .uint64(0n)
    .uint64(2n ** 64n - 1n)
    .string(parts.criticalOptions)
    .string(parts.extensions)
    .string("")
    .string(parts.authority);
  const signature = authority.signer.sign(writer.done(), "ssh-ed25519");
  return writer.string(signature).bytes(parts.after).done();
}

function strings(...values: (string | Uint8Array)[]): Uint8Array {
  const writer = new Writer();
  for (const value of values) writer.string(value);
  return writer.done();
}

test("reads the certificate that the attacks start from", () => {
  assert.deepEqual(parseCertificate(build({})).principals, ["root"]);
});

const attacks: Record<string, Partial<Parts>> = {
  "trailing bytes": { after: Uint8Array.of(0) },
  "an unknown type": { type: "ssh-dss-cert-v01@openssh.com" },
  "a plain key type": { type: "ssh-ed25519" },
  "a key of a wrong length": { point: new Uint8Array(33) },
  "a certificate that is neither for a user nor a host": { number: 3 },
  "a principal that is cut short": { principals: strings("root").subarray(0, -1) },
  "a principal that is not UTF-8": { principals: strings(Uint8Array.of(0xff)) },
  "more principals than anybody has": { principals: strings(...Array(257).fill("a")) },
  "an option that stands twice": { criticalOptions: strings("a", "", "a", "") },
  "options that are not in order": { extensions: strings("b", "", "a", "") },
  "an option without data": { extensions: strings("a") },
  "an option with bytes behind its value": {
    extensions: strings("a", concat(strings("x"), Uint8Array.of(0))),
  },
  "an option whose value is cut short": {
    extensions: strings("a", strings("xyz").subarray(0, -1)),
  },
  "an authority that is itself a certificate (CVE-2025-49825)": { authority: good },
  "an authority of an unknown type": { authority: strings("ssh-dss", "x") },
  "an authority with trailing bytes": {
    authority: concat(authority.signer.publicKey, Uint8Array.of(0)),
  },
  "an authority that is empty": { authority: new Uint8Array(0) },
};

for (const [what, change] of Object.entries(attacks)) {
  test(`refuses ${what}`, () => {
    assert.throws(
      () => parseCertificate(build(change)),
      (error) => isFault(error, "malformed", "invalid"),
    );
  });
}

test("refuses every truncation", () => {
  for (let length = 0; length < good.length; length++) {
    assert.throws(
      () => parseCertificate(good.subarray(0, length)),
      (error) => isFault(error, "malformed", "invalid"),
    );
  }
});

test("refuses a certificate of a megabyte before it reads it", () => {
  assert.throws(
    () => parseCertificate(build({ extensions: new Uint8Array(1_000_000) })),
    (error) => isFault(error, "malformed") && /too long/.test(error.message),
  );
});

test("reads any bytes as a certificate or refuses them", () => {
  const start = strings(type, new Uint8Array(32));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      assert.throws(
        () => parseCertificate(concat(start, bytes)),
        (error) => isFault(error, "malformed", "invalid"),
      );
    }),
  );
});
