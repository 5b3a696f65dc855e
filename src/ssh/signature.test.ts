import assert from "node:assert/strict";
import { createHash, createSign } from "node:crypto";
import { test } from "node:test";
import { utf8 } from "#base/bytes.ts";
import { isFault } from "#base/fault.ts";
import { algorithmsOf } from "#ssh/algorithms.ts";
import { blobTypeOf, decodePublicKey } from "#ssh/public-key.ts";
import { verifySignature } from "#ssh/signature.ts";
import { keySigner } from "#ssh/signer.ts";
import { Reader, Writer } from "#ssh/wire.ts";
import { createKey } from "../../test/support/ssh-keys.ts";

const data = utf8("what is signed");

for (const kind of ["ed25519", "ecdsa256", "ecdsa384", "ecdsa521", "rsa"] as const) {
  const { signer } = createKey(kind);
  const key = decodePublicKey(signer.publicKey);

  for (const { name } of algorithmsOf(blobTypeOf(signer.publicKey))) {
    test(`a ${name} signature verifies, and only over its data, key and name`, () => {
      const signature = signer.sign(data, name);
      assert.equal(verifySignature(key, name, data, signature), true);
      assert.equal(verifySignature(key, name, utf8("other"), signature), false);
      const other = decodePublicKey(createKey(kind).signer.publicKey);
      assert.equal(verifySignature(other, name, data, signature), false);
      for (const wrong of ["ssh-rsa", "constructor", `${name}-cert-v01@openssh.com`]) {
        assert.equal(verifySignature(key, wrong, data, signature), false);
      }
    });

    test(`a ${name} signature with any byte changed or missing does not verify`, () => {
      const signature = signer.sign(data, name);
      for (let at = 0; at < signature.length; at++) {
        const changed = Uint8Array.from(signature);
        changed[at] = (changed[at] ?? 0) ^ 0x01;
        assert.equal(verifies(changed), false, `byte ${at}`);
        assert.equal(verifies(signature.subarray(0, at)), false, `length ${at}`);
      }
      function verifies(bytes: Uint8Array): boolean {
        try {
          return verifySignature(key, name, data, bytes);
        } catch (error) {
          assert.ok(isFault(error, "malformed"));
          return false;
        }
      }
    });
  }
}

test("an RSA signature with SHA-1 never verifies", () => {
  const { privateKey, signer } = createKey("rsa");
  const value = createSign("sha1").update(data).sign(privateKey);
  const key = decodePublicKey(signer.publicKey);
  for (const inside of ["ssh-rsa", "rsa-sha2-256", "rsa-sha2-512"]) {
    const signature = new Writer(512).string(inside).string(value).done();
    for (const name of ["ssh-rsa", "rsa-sha2-256", "rsa-sha2-512"]) {
      assert.equal(verifySignature(key, name, data, signature), false);
    }
  }
});

test("an RSA signature that lost its leading zero verifies", () => {
  const { signer } = createKey("rsa");
  const key = decodePublicKey(signer.publicKey);
  for (let i = 0; ; i++) {
    const message = createHash("sha256").update(String(i)).digest();
    const reader = new Reader(signer.sign(message, "rsa-sha2-256"));
    reader.text();
    const value = reader.string();
    if (value[0] !== 0) continue;
    const short = new Writer(512).string("rsa-sha2-256").string(value.subarray(1)).done();
    assert.equal(verifySignature(key, "rsa-sha2-256", message, short), true);
    return;
  }
});

test("a key signs only with its own algorithms", () => {
  const signer = keySigner(createKey().privateKey);
  for (const name of ["rsa-sha2-512", "ssh-rsa", "ssh-ed25519-cert-v01@openssh.com"]) {
    assert.throws(
      () => signer.sign(data, name),
      (error) => isFault(error, "invalid"),
    );
  }
});
