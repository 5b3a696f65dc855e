/**
 * The attestation key of a device: what its public area must say, and what its own TPM attests about its making
 * (spec rules "AK" 5 to 8; TPM 2.0 Library Part 1 section 31, Part 3 section 18.3).
 *
 * All of this is self-signed and proves nothing alone: a software key can pass every step. Only activation of a
 * credential by the endorsement key (make-credential.ts) shows that the key sits in a TPM.
 */
import { createHash } from "node:crypto";
import { sameBytes } from "#base/bytes.ts";
import { decodeAttest, decodeCreationData } from "./attest.ts";
import { algorithm, findHash, objectAttribute } from "./constants.ts";
import type {
  AttestBytes,
  CreationDataBytes,
  ObjectName,
  PublicBytes,
  SignatureBytes,
} from "./forms.ts";
import { nameOf } from "./name.ts";
import { decodePublic, type PublicArea, publicKeyOf } from "./public-area.ts";
import { assertChecks, type Check, refuse } from "./refusal.ts";
import { assertSignature, type SigningKey } from "./signature.ts";

/** The four byte strings that a client sends about its attestation key. None has a size in front. */
export interface AttestationParameters {
  readonly public: PublicBytes;
  readonly createData: CreationDataBytes;
  readonly createAttestation: AttestBytes;
  readonly createSignature: SignatureBytes;
}

/** What the cluster tolerates. */
export interface AttestationKeyPolicy {
  /** Accept keys that sign with SHA-1: the platform provider of Windows makes such keys. */
  readonly allowSha1: boolean;
}

/** A public area that has passed the checks of this file. */
export interface AttestationKey extends SigningKey {
  readonly bytes: PublicBytes;
  readonly name: ObjectName;
}

interface Candidate {
  readonly area: PublicArea;
  readonly policy: AttestationKeyPolicy;
}

const required =
  objectAttribute.fixedTpm |
  objectAttribute.fixedParent |
  objectAttribute.sensitiveDataOrigin |
  objectAttribute.restricted |
  objectAttribute.sign;

const checkSizeOrCurve: Check<Candidate> = ({ area }) => {
  if (area.kind === "ecc") return area.curve === 3 || area.curve === 4 ? undefined : "ak_key";
  return area.keyBits >= 2048 && area.keyBits <= 4096 ? undefined : "ak_key";
};

const checkNameAlgorithm: Check<Candidate> = ({ area }) => {
  const hash = findHash(area.nameAlg);
  return hash !== undefined && hash.id !== algorithm.sha1 ? undefined : "ak_name_algorithm";
};

const checkScheme: Check<Candidate> = ({ area }) => {
  const fixed = signingScheme(area) !== undefined && area.symmetric.kind === "none";
  return fixed ? undefined : "ak_scheme";
};

const checkSha1: Check<Candidate> = ({ area, policy }) =>
  signingScheme(area)?.hash.id === algorithm.sha1 && !policy.allowSha1 ? "ak_sha1" : undefined;

const checkAttributes: Check<Candidate> = ({ area: { attributes } }) =>
  (attributes & required) === required && (attributes & objectAttribute.decrypt) === 0
    ? undefined
    : "ak_attributes";

const publicAreaChecks = [
  checkSizeOrCurve,
  checkNameAlgorithm,
  checkScheme,
  checkSha1,
  checkAttributes,
];

/** Decodes the public area of an attestation key, as sent or as stored, and checks what it says about the key. */
export function parseAttestationKey(
  bytes: PublicBytes,
  policy: AttestationKeyPolicy,
): AttestationKey {
  const area = decodePublic(bytes);
  assertChecks({ area, policy }, publicAreaChecks);
  const signing = signingScheme(area);
  if (signing === undefined) throw refuse("ak_scheme");
  return { bytes, area, key: publicKeyOf(area), name: nameOf(bytes), ...signing };
}

/** Checks the public area and the key's creation attestation, in the order of the specification. */
export function checkAttestationKey(
  sent: AttestationParameters,
  policy: AttestationKeyPolicy,
): AttestationKey {
  const key = parseAttestationKey(sent.public, policy);
  assertSignature(key, "creation", sent.createAttestation, sent.createSignature);
  const creation = decodeAttest(sent.createAttestation, "creation");
  if (!sameBytes(creation.objectName, key.name)) throw refuse("creation_name");
  const nameHash = findHash(key.area.nameAlg)?.name ?? "";
  const hash = createHash(nameHash).update(sent.createData).digest();
  if (!sameBytes(creation.creationHash, hash)) throw refuse("creation_hash");
  decodeCreationData(sent.createData);
  return key;
}

function signingScheme(area: PublicArea): Pick<AttestationKey, "scheme" | "hash"> | undefined {
  const { scheme } = area;
  if (scheme.kind !== "rsassa" && scheme.kind !== "rsapss" && scheme.kind !== "ecdsa")
    return undefined;
  const hash = findHash(scheme.hash);
  return hash && { scheme: scheme.kind, hash };
}
