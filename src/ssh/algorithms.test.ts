import assert from "node:assert/strict";
import { test } from "node:test";
import { algorithmsOf, findAlgorithm, signatureAlgorithms } from "#ssh/algorithms.ts";

const certificate = (name: string) => `${name}-cert-v01@openssh.com`;

test("the table says what stands in the blob and in the signature", () => {
  const table = [
    ["ssh-ed25519", "ssh-ed25519", "ssh-ed25519"],
    ["rsa-sha2-512", "ssh-rsa", "rsa-sha2-512"],
    [certificate("ssh-ed25519"), certificate("ssh-ed25519"), "ssh-ed25519"],
    [certificate("rsa-sha2-512"), certificate("ssh-rsa"), "rsa-sha2-512"],
    [certificate("rsa-sha2-256"), certificate("ssh-rsa"), "rsa-sha2-256"],
    [certificate("ecdsa-sha2-nistp256"), certificate("ecdsa-sha2-nistp256"), "ecdsa-sha2-nistp256"],
  ] as const;
  for (const [name, blobType, signature] of table) {
    const row = findAlgorithm(name);
    assert.deepEqual([row?.blobType, row?.signature], [blobType, signature]);
  }
});

test("knows no algorithm with SHA-1", () => {
  for (const name of ["ssh-rsa", certificate("ssh-rsa"), "ssh-dss"]) {
    assert.equal(findAlgorithm(name), undefined);
    assert.ok(!signatureAlgorithms.includes(name));
  }
});

test("finds no names that objects inherit", () => {
  for (const name of ["constructor", "__proto__", "toString", ""]) {
    assert.equal(findAlgorithm(name), undefined);
    assert.deepEqual(algorithmsOf(name), []);
  }
});

test("prefers the longer hash for RSA", () => {
  assert.deepEqual(
    algorithmsOf(certificate("ssh-rsa")).map(({ name }) => name),
    [certificate("rsa-sha2-512"), certificate("rsa-sha2-256")],
  );
});
