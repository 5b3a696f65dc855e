import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { concat } from "#base/bytes.ts";
import { isFault } from "#base/fault.ts";
import { decodePublicKey, encodePublicKey, parseAuthorizedKey } from "#ssh/public-key.ts";
import { Writer } from "#ssh/wire.ts";
import { certify, createKey } from "../../test/support/ssh-keys.ts";

const key = createKey();
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey.export({ format: "jwk" });
const modulus = Buffer.from(rsa.n ?? "", "base64url");
const curve = (point: Uint8Array) =>
  new Writer().string("ecdsa-sha2-nistp256").string("nistp256").string(point).done();
const rsaKey = (e: number[], n: Uint8Array) =>
  new Writer(600).string("ssh-rsa").mpint(Uint8Array.from(e)).mpint(n).done();
const weak = generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey;

const blobs: Record<string, Uint8Array> = {
  "no bytes": new Uint8Array(0),
  "an unknown type": new Writer().string("ssh-dss").string("x").done(),
  "a type that objects inherit": new Writer().string("constructor").string("x").done(),
  "a short Ed25519 key": new Writer().string("ssh-ed25519").string(new Uint8Array(31)).done(),
  "trailing bytes": concat(key.signer.publicKey, Uint8Array.of(0)),
  "a compressed point": curve(concat(Uint8Array.of(2), new Uint8Array(32).fill(1))),
  "a point off the curve": curve(concat(Uint8Array.of(4), new Uint8Array(64).fill(1))),
  "the point at infinity": curve(Uint8Array.of(0)),
  "a curve that is not that of the type": new Writer()
    .string("ecdsa-sha2-nistp256")
    .string("nistp384")
    .string(concat(Uint8Array.of(4), new Uint8Array(64)))
    .done(),
  "an RSA key of 1024 bit": encodePublicKey(weak),
  "an RSA key of 16384 bit": rsaKey([1, 0, 1], new Uint8Array(2048).fill(0xff)),
  "an RSA exponent of one": rsaKey([1], modulus),
  "an even RSA exponent": rsaKey([1, 0, 0], modulus),
  "an RSA exponent of 40 bit": rsaKey([1, 0, 0, 0, 1], modulus),
  "an RSA modulus with a leading zero too many": new Writer(600)
    .string("ssh-rsa")
    .mpint(Uint8Array.of(1, 0, 1))
    .string(concat(Uint8Array.of(0, 0), modulus))
    .done(),
  "a certificate where a key must be": certify(key, createKey()),
};

for (const [what, blob] of Object.entries(blobs)) {
  test(`refuses ${what}`, () => {
    assert.throws(
      () => decodePublicKey(blob),
      (error) => isFault(error, "malformed", "invalid"),
    );
  });
}

test("refuses every truncation of every kind of key", () => {
  for (const kind of ["ed25519", "ecdsa256", "rsa"] as const) {
    const blob = createKey(kind).signer.publicKey;
    for (let length = 0; length < blob.length; length++) {
      assert.throws(
        () => decodePublicKey(blob.subarray(0, length)),
        (error) => isFault(error, "malformed", "invalid"),
      );
    }
  }
});

test("reads any bytes as a key or refuses them", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
      assert.throws(
        () => decodePublicKey(bytes),
        (error) => isFault(error, "malformed", "invalid"),
      );
    }),
  );
});

const encoded = Buffer.from(key.signer.publicKey).toString("base64");
const lines: Record<string, string> = {
  "an empty line": "",
  "a type alone": "ssh-ed25519",
  "a type that is not the one inside": `ssh-rsa ${encoded}`,
  "base64 with a stray character": `ssh-ed25519 ${encoded.slice(0, 8)}*${encoded.slice(8)}`,
  "options before the type": `command="x" ssh-ed25519 ${encoded}`,
  "an authority marker": `cert-authority ssh-ed25519 ${encoded}`,
};

for (const [what, line] of Object.entries(lines)) {
  test(`refuses ${what} as a public key line`, () => {
    assert.throws(
      () => parseAuthorizedKey(line),
      (error) => isFault(error, "malformed"),
    );
  });
}
