import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { systemRandom } from "#base/random.ts";
import { assertRefused } from "../../test/support/refusals.ts";
import { SimulatedTpm } from "../../test/support/simulated-tpm.ts";
import { loadTpmVector } from "../../test/support/tpm-vectors.ts";
import { makeCredential } from "./make-credential.ts";
import { nameOf } from "./name.ts";

const spkiKey = (spki: Uint8Array) =>
  createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });

test("makes the very bytes that a TPM activated, for a P-256 endorsement key", () => {
  const { endorsementKey, parameters, activation } = loadTpmVector("p256-sha256");
  const random = [...activation.random];
  const credential = makeCredential(
    spkiKey(endorsementKey),
    nameOf(parameters.public),
    activation.secret,
    () => random.shift() ?? assert.fail(),
  );
  assert.deepEqual(credential.credentialBlob, activation.credentialBlob);
  assert.deepEqual(credential.secret, activation.encryptedSecret);
  assert.deepEqual(activation.solution, activation.secret);
});

test("makes an identity object from the seed as a TPM read it, for an RSA endorsement key", () => {
  const { endorsementKey, parameters, activation } = loadTpmVector("rsa-two-banks");
  const random = [...activation.random];
  const credential = makeCredential(
    spkiKey(endorsementKey),
    nameOf(parameters.public),
    activation.secret,
    () => random.shift() ?? assert.fail(),
  );
  assert.deepEqual(credential.credentialBlob, activation.credentialBlob);
  assert.deepEqual(activation.solution, activation.secret);
});

test("has the sizes that clients expect, with the 16-bit sizes in front", () => {
  const tpm = new SimulatedTpm();
  const made = makeCredential(
    tpm.endorsementKey,
    nameOf(tpm.public),
    new Uint8Array(32),
    systemRandom,
  );
  assert.deepEqual([made.credentialBlob.length, made.secret.length], [70, 258]);
  assert.deepEqual([...made.credentialBlob.slice(0, 4)], [0, 68, 0, 32]);
  assert.deepEqual([...made.secret.slice(0, 2)], [1, 0]);
});

for (const endorsement of ["rsa", "ecc"] as const) {
  test(`is answered by the simulated TPM with the ${endorsement} endorsement key only for its own name`, () => {
    const tpm = new SimulatedTpm({ endorsement });
    const secret = systemRandom(32);
    const made = makeCredential(tpm.endorsementKey, nameOf(tpm.public), secret, systemRandom);
    assert.deepEqual(tpm.activate(made), secret);
    const other = new SimulatedTpm({ kind: "rsa", endorsement });
    assert.equal(other.activate(made), undefined);
  });
}

test("draws again when a random scalar is outside of the curve's group", () => {
  const tpm = new SimulatedTpm({ endorsement: "ecc" });
  const secret = systemRandom(32);
  const draws = [new Uint8Array(32), new Uint8Array(32).fill(0xff)];
  const random = (length: number) => draws.shift() ?? systemRandom(length);
  const made = makeCredential(tpm.endorsementKey, nameOf(tpm.public), secret, random);
  assert.deepEqual(tpm.activate(made), secret);
});

test("ends when the source of randomness is broken", () => {
  const tpm = new SimulatedTpm({ endorsement: "ecc" });
  const zeros = (length: number) => new Uint8Array(length);
  const name = nameOf(tpm.public);
  assert.throws(() => makeCredential(tpm.endorsementKey, name, zeros(32), zeros));
});

test("refuses a curve that it does not know", () => {
  const { publicKey } = generateKeyPairSync("ec", { namedCurve: "secp521r1" });
  const name = nameOf(new SimulatedTpm().public);
  assertRefused("ek_key", () => makeCredential(publicKey, name, new Uint8Array(32), systemRandom));
});
