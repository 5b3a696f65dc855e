import assert from "node:assert/strict";
import { test } from "node:test";
import { assertRefused } from "../../test/support/refusals.ts";
import { SimulatedTpm, withoutMagic } from "../../test/support/simulated-tpm.ts";
import { loadTpmVector } from "../../test/support/tpm-vectors.ts";
import {
  type AttestationParameters,
  checkAttestationKey,
  parseAttestationKey,
} from "./attestation-key.ts";
import { algorithm } from "./constants.ts";
import { credentialIdOf } from "./credential-id.ts";
import { claimForm, type PublicBytes } from "./forms.ts";
import { nameOf } from "./name.ts";
import { decodePublic, encodePublic, type PublicArea, publicKeyOf } from "./public-area.ts";
import { encodeSignature } from "./signature.ts";

const strict = { allowSha1: false };
const rsa = loadTpmVector("rsa-two-banks");
const p256 = loadTpmVector("p256-sha256");

function changed(change: Partial<PublicArea>, from = p256): PublicBytes {
  return encodePublic({ ...decodePublic(from.parameters.public), ...change } as PublicArea);
}

function refusesArea(reason: string, area: PublicBytes): void {
  assertRefused(reason, () => parseAttestationKey(area, strict));
}

test("accepts an RSA key and a P-256 key that a TPM made", () => {
  for (const { parameters, credentialId } of [rsa, p256]) {
    const key = checkAttestationKey(parameters, strict);
    assert.equal(credentialIdOf(key), credentialId);
    assert.equal(credentialId.length, 43);
  }
});

test("has the sizes that official clients send", () => {
  const { public: area, createData, createAttestation, createSignature } = rsa.parameters;
  const sizes = [area, createData, createAttestation, createSignature].map((it) => it.length);
  assert.deepEqual(sizes, [280, 115, 139, 262]);
});

test("refuses an RSA key under 2048 bits", () => {
  refusesArea("ak_key", new SimulatedTpm({ kind: "rsa", keyBits: 1024 }).public);
});

test("refuses an RSA key with another exponent", () => {
  refusesArea("ak_key", changed({ exponent: 3 } as Partial<PublicArea>, rsa));
});

test("refuses a modulus that is shorter than its stated size", () => {
  const area = decodePublic(rsa.parameters.public);
  const modulus = area.kind === "rsa" ? area.modulus.slice(1) : assert.fail();
  refusesArea("ak_key", changed({ modulus } as Partial<PublicArea>, rsa));
});

test("refuses a curve other than P-256 and P-384", () => {
  refusesArea("ak_key", changed({ curve: 1 } as Partial<PublicArea>));
});

test("refuses a point that is not on the curve", () => {
  refusesArea("ak_key", changed({ y: new Uint8Array(32).fill(1) } as Partial<PublicArea>));
});

test("refuses a name algorithm of SHA-1 or an unknown one", () => {
  refusesArea("ak_name_algorithm", changed({ nameAlg: algorithm.sha1 }));
  refusesArea("ak_name_algorithm", changed({ nameAlg: 0x7fff }));
});

test("computes no name with an unknown algorithm", () => {
  assertRefused("ak_name_algorithm", () => nameOf(changed({ nameAlg: 0x7fff })));
});

test("refuses a key without a fixed signing scheme", () => {
  refusesArea("ak_scheme", changed({ scheme: { kind: "none" } }));
  refusesArea("ak_scheme", changed({ scheme: { kind: "ecdsa", hash: 0x7fff } }));
});

test("refuses a key with a symmetric algorithm: a signing key has none", () => {
  refusesArea("ak_scheme", changed({ symmetric: { kind: "aes", bits: 128, mode: 0x43 } }));
});

test("refuses a SHA-1 signing scheme by default and accepts it where the policy does", () => {
  const { public: area } = new SimulatedTpm({ kind: "rsa", hash: algorithm.sha1 });
  refusesArea("ak_sha1", area);
  assert.equal(parseAttestationKey(area, { allowSha1: true }).hash.name, "sha1");
});

const attributes = 0x00050472;
for (const [name, bit] of [
  ["fixedTPM", 1],
  ["fixedParent", 4],
  ["sensitiveDataOrigin", 5],
  ["restricted", 16],
  ["sign", 18],
] as const) {
  test(`refuses a key without the attribute ${name}`, () => {
    refusesArea("ak_attributes", changed({ attributes: attributes & ~(1 << bit) }));
  });
}

test("refuses a key that may decrypt", () => {
  refusesArea("ak_attributes", changed({ attributes: attributes | (1 << 17) }));
});

test("refuses coordinates and signature integers that are longer than the curve", () => {
  const x = new Uint8Array(33);
  assertRefused("ak_key", () => publicKeyOf(decodePublic(changed({ x } as Partial<PublicArea>))));
  const unknown = changed({ curve: 99 } as Partial<PublicArea>);
  assertRefused("ak_key", () => publicKeyOf(decodePublic(unknown)));
  const createSignature = encodeSignature({ kind: "ecdsa", hash: algorithm.sha256, r: x, s: x });
  assertRefused("signature_malformed", () =>
    checkAttestationKey({ ...p256.parameters, createSignature }, strict),
  );
});

test("refuses a public area with its size in front", () => {
  const { public: area } = p256.parameters;
  const withSize = new Uint8Array([0, area.length, ...area]);
  assertRefused("ak_malformed", () => parseAttestationKey(claimForm(withSize), strict));
});

function refuses(reason: string, sent: AttestationParameters): void {
  assertRefused(reason, () => checkAttestationKey(sent, strict));
}

test("refuses a creation attestation signed by another key", () => {
  const other = new SimulatedTpm();
  const { createAttestation } = p256.parameters;
  refuses("creation_signature", {
    ...p256.parameters,
    createSignature: other.sign(createAttestation),
  });
});

test("refuses a signature with another scheme than the key's", () => {
  const { createSignature } = rsa.parameters;
  refuses("signature_scheme", { ...p256.parameters, createSignature });
});

test("refuses a creation attestation about another key", () => {
  const tpm = new SimulatedTpm();
  const sent = tpm.attestationParameters((attest) =>
    attest.kind === "creation" ? { ...attest, objectName: new Uint8Array(34) } : attest,
  );
  refuses("creation_name", sent);
});

test("refuses creation data that was not attested", () => {
  const sent = new SimulatedTpm().attestationParameters((attest) =>
    attest.kind === "creation" ? { ...attest, creationHash: new Uint8Array(32) } : attest,
  );
  refuses("creation_hash", sent);
});

test("refuses creation data that is attested but has no form", () => {
  const createData = claimForm<AttestationParameters["createData"]>(new Uint8Array(0));
  const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  const sent = new SimulatedTpm().attestationParameters((attest) =>
    attest.kind === "creation"
      ? { ...attest, creationHash: new Uint8Array(Buffer.from(empty, "hex")) }
      : attest,
  );
  refuses("creation_malformed", { ...sent, createData });
});

test("refuses a signed attestation without the TPM's magic", () => {
  const tpm = new SimulatedTpm();
  const sent = tpm.attestationParameters();
  const createAttestation = withoutMagic(sent.createAttestation);
  const createSignature = tpm.sign(createAttestation);
  refuses("attest_magic", { ...sent, createAttestation, createSignature });
});

test("refuses a quote in the place of the creation attestation", () => {
  const tpm = new SimulatedTpm();
  const quote = tpm.quote(new Uint8Array(32), { hash: algorithm.sha256, pcrs: [0] });
  const [createAttestation, createSignature] = [quote.quote, quote.signature];
  refuses("attest_type", { ...tpm.attestationParameters(), createAttestation, createSignature });
});

test("accepts a software key that imitates all of it: only activation stops that", () => {
  const fabricated = new SimulatedTpm();
  assert.ok(checkAttestationKey(fabricated.attestationParameters(), strict));
});

test("accepts RSASSA-PSS keys", () => {
  const tpm = new SimulatedTpm({ kind: "rsa", scheme: "rsapss" });
  assert.equal(checkAttestationKey(tpm.attestationParameters(), strict).scheme, "rsapss");
});
