import assert from "node:assert/strict";
import { createPublicKey } from "node:crypto";
import { test } from "node:test";
import {
  decodePublicKey,
  encodePublicKey,
  fingerprint,
  formatAuthorizedKey,
  parseAuthorizedKey,
} from "#ssh/public-key.ts";
import { createKey } from "../../test/support/ssh-keys.ts";

for (const kind of ["ed25519", "ecdsa256", "ecdsa384", "ecdsa521", "rsa"] as const) {
  test(`a key of kind ${kind} comes back from its blob and its line`, () => {
    const { privateKey, signer } = createKey(kind);
    const key = decodePublicKey(signer.publicKey);
    assert.deepEqual(encodePublicKey(key.key), signer.publicKey);
    assert.deepEqual(encodePublicKey(createPublicKey(privateKey)), signer.publicKey);
    const line = parseAuthorizedKey(formatAuthorizedKey(signer.publicKey, "alice at home"));
    assert.deepEqual(line, { type: key.type, blob: signer.publicKey, comment: "alice at home" });
  });
}

test("gives the fingerprint that OpenSSH prints", () => {
  // ssh-keygen -lf of OpenSSH 9.2 on this line.
  const line = `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f`;
  assert.equal(
    fingerprint(parseAuthorizedKey(line).blob),
    "SHA256:ZkAslGjFiUHdGf/WUL8rQvkib4PTvQatUV0OUQSncCA",
  );
});

test("a comment cannot begin another line", () => {
  const { publicKey } = createKey().signer;
  const line = formatAuthorizedKey(publicKey, "alice\nssh-ed25519 AAAA evil");
  assert.ok(!line.includes("\n"));
  assert.equal(parseAuthorizedKey(line).comment, "alice ssh-ed25519 AAAA evil");
});
