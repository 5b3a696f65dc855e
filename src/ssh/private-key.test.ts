import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { systemRandom } from "#base/random.ts";
import { formatPrivateKey, parsePrivateKey } from "#ssh/private-key.ts";
import { keySigner } from "#ssh/signer.ts";
import { createKey } from "../../test/support/ssh-keys.ts";

for (const kind of ["ed25519", "ecdsa256", "ecdsa384", "ecdsa521", "rsa"] as const) {
  test(`a private key of kind ${kind} comes back from its file`, () => {
    const { privateKey, signer } = createKey(kind);
    const read = parsePrivateKey(formatPrivateKey(privateKey, "alice", systemRandom));
    assert.deepEqual(keySigner(read).publicKey, signer.publicKey);
    assert.deepEqual(read.export({ format: "jwk" }), privateKey.export({ format: "jwk" }));
  });
}

const text = formatPrivateKey(createKey().privateKey, "alice@a", systemRandom);
const [first = "", last = ""] = [text.split("\n")[0], text.trim().split("\n").at(-1)];
const body = Buffer.from(text.replace(/-----.*-----/g, ""), "base64");

function changed(change: (bytes: Buffer) => Buffer): string {
  return `${first}\n${change(Buffer.from(body)).toString("base64")}\n${last}\n`;
}

const broken: Record<string, string> = {
  "a file of another kind":
    "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n",
  "a file without its end": text.slice(0, -20),
  "another format": changed((bytes) => bytes.fill(0x61, 0, 4)),
  "trailing bytes": changed((bytes) => Buffer.concat([bytes, Buffer.of(0)])),
  "a file that is cut short": changed((bytes) => bytes.subarray(0, -1)),
  "wrong padding": changed((bytes) => bytes.fill(9, bytes.length - 1)),
  "check bytes that differ": changed((bytes) => {
    const at = bytes.lastIndexOf("ssh-ed25519") - 12;
    return bytes.fill((bytes[at] ?? 0) ^ 1, at, at + 1);
  }),
  "a public key of another private key": changed((bytes) => {
    const at = bytes.indexOf("ssh-ed25519") + 15;
    return bytes.fill((bytes[at] ?? 0) ^ 1, at, at + 1);
  }),
};

for (const [what, file] of Object.entries(broken)) {
  test(`refuses ${what}`, () => {
    assert.throws(
      () => parsePrivateKey(file),
      (error) => isFault(error, "malformed"),
    );
  });
}

test("says how to get rid of a passphrase", () => {
  const encrypted = changed((bytes) =>
    Buffer.concat([bytes.subarray(0, 15), Buffer.from("\0\0\0\nabcdefghij"), bytes.subarray(23)]),
  );
  assert.throws(
    () => parsePrivateKey(encrypted),
    (error) => isFault(error, "invalid") && /ssh-keygen -p/.test(error.hint ?? ""),
  );
});
