/** Forged attestation keys: of a kind that no TPM may certify, or whose creation was attested otherwise. */
import { generateKeyPairSync, hash } from "node:crypto";
import type { TpmEnrollPayload } from "#devicetrust/messages.ts";
import type { Attest } from "#tpm/attest.ts";
import { algorithm, objectAttribute } from "#tpm/constants.ts";
import { type AttestBytes, claimForm } from "#tpm/forms.ts";
import { allPcrs } from "#tpm/pcr-selection.ts";
import { decodePublic, encodePublic, type PublicArea } from "#tpm/public-area.ts";
import type { EvidenceReason } from "#tpm/refusal.ts";
import {
  attestationAttributes,
  SimulatedTpm,
  type SimulatedTpmOptions,
  signWith,
  withoutMagic,
} from "../simulated-tpm.ts";
import { type Forgery, flipped, longer, type Means, placesIn } from "./forgery.ts";

type Parameters = NonNullable<TpmEnrollPayload["attestationParameters"]>;
type KeyForgery = Forgery<TpmEnrollPayload>;

function parameters(
  name: string,
  reason: EvidenceReason,
  change: (honest: Parameters, means: Means) => Partial<Parameters>,
): KeyForgery {
  return {
    name,
    reason,
    forge({ attestationParameters: honest, ...endorsement }, means) {
      if (honest === undefined) throw new TypeError("honest evidence has parameters");
      const attestationParameters = { ...honest, ...change(honest, means) };
      return { ...endorsement, attestationParameters };
    },
  };
}

/** A key that is consistent in itself, but of another kind. */
function otherKey(name: string, reason: EvidenceReason, options: SimulatedTpmOptions): KeyForgery {
  return parameters(name, reason, () => new SimulatedTpm(options).attestationParameters());
}

/** The honest public area, of an RSA or an elliptic-curve key, with other fields. */
function area(
  name: string,
  reason: EvidenceReason,
  kind: "rsa" | "ecc",
  change: (area: PublicArea) => object,
): KeyForgery {
  return parameters(name, reason, () => {
    const tpm = new SimulatedTpm({ kind });
    const honest = decodePublic(tpm.public);
    const forged = encodePublic({ ...honest, ...change(honest) } as PublicArea);
    return { ...tpm.attestationParameters(), public: forged };
  });
}

function publicBytes(
  name: string,
  reason: EvidenceReason,
  change: (bytes: Uint8Array) => Uint8Array,
): KeyForgery {
  return parameters(name, reason, (honest) => ({ public: change(honest.public) }));
}

/** The creation attestation, changed before it was signed. */
function attested(
  name: string,
  reason: EvidenceReason,
  change: (attest: Attest & { kind: "creation" }) => Attest,
): KeyForgery {
  return parameters(name, reason, (_, { tpm }) =>
    tpm.attestationParameters((attest) => (attest.kind === "creation" ? change(attest) : attest)),
  );
}

/** Any bytes, signed as if they were a creation attestation. */
function signed(
  name: string,
  reason: EvidenceReason,
  make: (attestation: Uint8Array, means: Means) => Uint8Array,
): KeyForgery {
  return parameters(name, reason, ({ createAttestation }, means) => {
    const forged = claimForm<AttestBytes>(make(createAttestation, means));
    return { createAttestation: forged, createSignature: means.tpm.sign(forged) };
  });
}

function signature(
  name: string,
  reason: EvidenceReason,
  change: (bytes: Uint8Array) => Uint8Array,
): KeyForgery {
  return parameters(name, reason, ({ createSignature }) => ({
    createSignature: change(createSignature),
  }));
}

const requiredAttributes = [
  "fixedTpm",
  "fixedParent",
  "sensitiveDataOrigin",
  "restricted",
  "sign",
] as const;

const publicAreas: readonly KeyForgery[] = [
  ...requiredAttributes.map((attribute) =>
    otherKey(`a key without the attribute ${attribute}`, "ak_attributes", {
      attributes: attestationAttributes & ~objectAttribute[attribute],
    }),
  ),
  otherKey("a key that may decrypt, too", "ak_attributes", {
    attributes: attestationAttributes | objectAttribute.decrypt,
  }),
  otherKey("a key without attributes", "ak_attributes", { attributes: 0 }),
  otherKey("a key with every attribute", "ak_attributes", { attributes: 0xffffffff }),
  otherKey("a P-256 key that signs with SHA-1", "ak_sha1", { hash: algorithm.sha1 }),
  otherKey("an RSA key that signs with SHA-1", "ak_sha1", { kind: "rsa", hash: algorithm.sha1 }),
  otherKey("a key with a name by SHA-1", "ak_name_algorithm", { nameAlg: algorithm.sha1 }),
  area("a key with a name by no hash", "ak_name_algorithm", "ecc", () => ({
    nameAlg: algorithm.none,
  })),
  area("a key with a name by an unknown hash", "ak_name_algorithm", "rsa", () => ({
    nameAlg: 0x0012,
  })),
  otherKey("an RSA key of 1024 bits", "ak_key", { kind: "rsa", keyBits: 1024 }),
  area("an RSA key that calls itself longer than it is", "ak_key", "rsa", () => ({
    keyBits: 3072,
  })),
  area("an RSA key that calls itself endless", "ak_key", "rsa", () => ({ keyBits: 65_528 })),
  area("an RSA modulus that begins with zeros", "ak_key", "rsa", () => ({
    modulus: new Uint8Array(256).fill(1, 1),
  })),
  area("an empty RSA modulus", "ak_key", "rsa", () => ({ modulus: new Uint8Array(0) })),
  ...[1, 3, 17, 65_536, 0xffffffff].map((exponent) =>
    area(`an RSA key with the exponent ${exponent}`, "ak_key", "rsa", () => ({ exponent })),
  ),
  ...[1, 2, 5, 16, 0x20, 99].map((curve) =>
    area(`a key on curve ${curve}`, "ak_key", "ecc", () => ({ curve })),
  ),
  area("a point that is not on the curve", "ak_key", "ecc", () => ({
    x: new Uint8Array(32).fill(1),
  })),
  area("the point of zeros", "ak_key", "ecc", () => ({
    x: new Uint8Array(32),
    y: new Uint8Array(32),
  })),
  area("a coordinate longer than the curve", "ak_key", "ecc", () => ({
    x: new Uint8Array(33).fill(1),
  })),
  area("a P-256 key without a scheme", "ak_scheme", "ecc", () => ({ scheme: { kind: "none" } })),
  area("an RSA key without a scheme", "ak_scheme", "rsa", () => ({ scheme: { kind: "none" } })),
  area("an RSA key that encrypts", "ak_scheme", "rsa", () => ({ scheme: { kind: "rsaes" } })),
  area("a key that agrees on secrets", "ak_scheme", "ecc", () => ({
    scheme: { kind: "ecdh", hash: algorithm.sha256 },
  })),
  area("a scheme with an unknown hash", "ak_scheme", "ecc", () => ({
    scheme: { kind: "ecdsa", hash: 0x0012 },
  })),
  area("a storage key with a scheme", "ak_scheme", "rsa", () => ({
    symmetric: { kind: "aes", bits: 128, mode: 0x43 },
  })),
  area("an RSA key that says it signs by PSS", "signature_scheme", "rsa", () => ({
    scheme: { kind: "rsapss", hash: algorithm.sha256 },
  })),
  area("a key that says it signs with SHA-512", "signature_scheme", "ecc", () => ({
    scheme: { kind: "ecdsa", hash: algorithm.sha512 },
  })),
  ...placesIn(80, 16).map((length) =>
    publicBytes(`a public area cut to ${length} bytes`, "ak_malformed", (bytes) =>
      bytes.subarray(0, length),
    ),
  ),
  ...[1, 2, 64].map((count) =>
    publicBytes(`a public area with ${count} bytes too many`, "ak_malformed", (bytes) =>
      longer(bytes, count),
    ),
  ),
  publicBytes("a public area with its size in front", "ak_malformed", (bytes) =>
    Uint8Array.of(0, bytes.length, ...bytes),
  ),
  ...[0x0008, 0x0025, 0xffff].map((type) =>
    publicBytes(`an object of the type ${type}`, "ak_malformed", (bytes) =>
      Uint8Array.of(type >> 8, type & 0xff, ...bytes.subarray(2)),
    ),
  ),
  // An attribute that no check demands is still part of the name that was attested.
  area("a key with an attribute changed after its creation", "creation_name", "ecc", (it) => ({
    attributes: it.attributes ^ objectAttribute.noDictionaryAttack,
  })),
];

const creations: readonly KeyForgery[] = [
  signed("a creation attestation without the magic of a TPM", "attest_magic", (bytes) =>
    withoutMagic(claimForm<AttestBytes>(bytes)),
  ),
  signed(
    "a quote as the creation attestation",
    "attest_type",
    (_, { tpm, nonce }) => tpm.quote(nonce, allPcrs(algorithm.sha256)).quote,
  ),
  signed("an attestation of another type than any", "attest_type", (bytes) =>
    Uint8Array.of(...bytes.subarray(0, 4), 0x80, 0x1b, ...bytes.subarray(6)),
  ),
  signed("a creation attestation with a byte too many", "attest_malformed", (bytes) =>
    longer(bytes),
  ),
  ...placesIn(100, 10).map((length) =>
    signed(`a creation attestation cut to ${length} bytes`, "attest_malformed", (bytes) =>
      bytes.subarray(0, length),
    ),
  ),
  attested("the creation of another key", "creation_name", (attest) => ({
    ...attest,
    objectName: flipped(attest.objectName, 20),
  })),
  attested("the creation of no key", "creation_name", (attest) => ({
    ...attest,
    objectName: new Uint8Array(0),
  })),
  ...placesIn(32, 4).map((place) =>
    attested(`byte ${place} of the attested creation hash changed`, "creation_hash", (attest) => ({
      ...attest,
      creationHash: flipped(attest.creationHash, place),
    })),
  ),
  ...placesIn(70, 8).map((place) =>
    parameters(`byte ${place} of the creation data changed`, "creation_hash", ({ createData }) => ({
      createData: flipped(createData, place),
    })),
  ),
  parameters("no creation data", "creation_hash", () => ({ createData: new Uint8Array(0) })),
  parameters(
    "creation data that are attested but have no form",
    "creation_malformed",
    (_, means) => {
      const createData = Uint8Array.of(1, 2, 3);
      const creationHash = new Uint8Array(hash("sha256", createData, "buffer"));
      const { createAttestation, createSignature } = means.tpm.attestationParameters((attest) =>
        attest.kind === "creation" ? { ...attest, creationHash } : attest,
      );
      return { createData, createAttestation, createSignature };
    },
  ),
  ...placesIn(100, 20).map((place) =>
    parameters(
      `byte ${place} of the creation attestation changed`,
      "creation_signature",
      ({ createAttestation }) => ({ createAttestation: flipped(createAttestation, place) }),
    ),
  ),
  parameters("a creation attested by another key", "creation_signature", (honest) => {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    return { createSignature: signWith(privateKey, honest.createAttestation) };
  }),
  // Behind scheme, hash and the size of r.
  ...placesIn(32, 6).map((place) =>
    signature(`byte ${place} of the creation's signature changed`, "creation_signature", (bytes) =>
      flipped(bytes, 6 + place),
    ),
  ),
  ...[2, 3].map((place) =>
    signature(`byte ${place} of the creation's signature changed`, "signature_scheme", (bytes) =>
      flipped(bytes, place),
    ),
  ),
  ...placesIn(70, 8).map((length) =>
    signature(`the creation's signature cut to ${length} bytes`, "signature_malformed", (bytes) =>
      bytes.subarray(0, length),
    ),
  ),
  signature("the creation's signature with a byte too many", "signature_malformed", (bytes) =>
    longer(bytes),
  ),
];

/** The forgeries. The honest key is on P-256. */
export const attestationKeyForgeries: readonly KeyForgery[] = [...publicAreas, ...creations];
