/** SSH public keys, their lines, and private key files. A key has exactly one encoding. */
import assert from "node:assert/strict";
import { concat, sameBytes, utf8 } from "#base/bytes.ts";
import { isFault } from "#base/fault.ts";
import { formatPrivateKey, parsePrivateKey } from "#ssh/private-key.ts";
import {
  decodePublicKey,
  encodePublicKey,
  formatAuthorizedKey,
  parseAuthorizedKey,
} from "#ssh/public-key.ts";
import { decodePublic, publicKeyOf } from "#tpm/public-area.ts";
import { loadTpmVector } from "../../test/support/tpm-vectors.ts";
import { fixedKey, sshCertificate, sshUser } from "../fixtures.ts";
import { SeededNumbers } from "../random.ts";
import { type Target, textOf } from "../target.ts";

export const sshKeys: Target = {
  name: "ssh-keys",
  maxLength: 20_000,
  dictionary: ["ssh-ed25519", "ecdsa-sha2-nistp256", "nistp256", "ssh-rsa", "none", " ", "\n"],
  open() {
    const areas = (["p256-sha256", "rsa-two-banks"] as const).map((name) =>
      publicKeyOf(decodePublic(loadTpmVector(name).parameters.public)),
    );
    const blobs = [sshUser.publicKey, sshCertificate(), ...areas.map(encodePublicKey)];
    const file = formatPrivateKey(fixedKey(2), "alice", new SeededNumbers(9n).bytes);
    const tagged = (tag: number, bytes: Uint8Array) => concat(Uint8Array.of(tag), bytes);
    return {
      seeds: [
        ...blobs.map((blob) => tagged(0, blob)),
        ...blobs.map((blob) => tagged(1, utf8(formatAuthorizedKey(blob, "a comment")))),
        tagged(2, utf8(file)),
      ],
      run(input) {
        const body = input.subarray(1);
        if ((input[0] ?? 0) % 3 === 0) return judgeBlob(body);
        if ((input[0] ?? 0) % 3 === 1) return judgeLine(textOf(body));
        const key = parsePrivateKey(textOf(body));
        return `private ${key.asymmetricKeyType}`;
      },
    };
  },
};

function judgeBlob(blob: Uint8Array): string {
  const key = decodePublicKey(blob);
  assert.ok(sameBytes(encodePublicKey(key.key), blob), "a key has two encodings");
  return key.type;
}

function judgeLine(line: string): string {
  const { type, blob, comment } = parseAuthorizedKey(line);
  const again = parseAuthorizedKey(formatAuthorizedKey(blob, comment));
  assert.ok(sameBytes(again.blob, blob));
  try {
    decodePublicKey(blob);
  } catch (error) {
    if (!isFault(error)) throw error;
  }
  return `line ${type.slice(0, 30)}`;
}
