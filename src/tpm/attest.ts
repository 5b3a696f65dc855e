/**
 * TPMS_ATTEST (TPM 2.0 Library Part 2 section 10.12.12) for quotes, creations and certified keys, and
 * TPMS_CREATION_DATA (section 15.1). Decoding checks the magic, the type and that nothing is left over;
 * who signed it is checked in signature.ts.
 */
import { generatedMagic, structureTag } from "./constants.ts";
import { type AttestBytes, type CreationDataBytes, claimForm } from "./forms.ts";
import {
  type Codec,
  constant,
  type Decoded,
  decodeWhole,
  encodeWhole,
  layout,
  sized,
  uint8,
  uint16,
  uint32,
  uint64,
  union,
  yesNo,
} from "./layout.ts";
import { pcrSelections } from "./pcr-selection.ts";
import { refuse } from "./refusal.ts";

const clockInfo = {
  qualifiedSigner: sized(66),
  extraData: sized(64),
  /** Milliseconds since the last TPM2_Clear, powered time only. */
  clock: uint64,
  resetCount: uint32,
  restartCount: uint32,
  /** False while the clock may have gone back after an unclean stop. */
  safe: yesNo,
  firmwareVersion: uint64,
};

const body = union(
  {
    quote: [
      structureTag.attestQuote,
      layout({ ...clockInfo, selections: pcrSelections, pcrDigest: sized(64) }),
    ],
    creation: [
      structureTag.attestCreation,
      layout({ ...clockInfo, objectName: sized(66), creationHash: sized(64) }),
    ],
    certify: [
      structureTag.attestCertify,
      layout({ ...clockInfo, objectName: sized(66), qualifiedName: sized(66) }),
    ],
  },
  "attest_type",
);

const magic = constant(uint32, generatedMagic, "attest_magic");

/** An attestation of any of the three kinds. */
export type Attest = Decoded<typeof body>;

const attest: Codec<Attest> = {
  decode(from) {
    magic.decode(from);
    return body.decode(from);
  },
  encode(value, to) {
    magic.encode(generatedMagic, to);
    body.encode(value, to);
  },
};

/** What a TPM says about its clock in every attestation, and under which key. */
export type AttestedClock = Pick<
  Attest,
  "qualifiedSigner" | "clock" | "resetCount" | "restartCount" | "safe" | "firmwareVersion"
>;

/** An attestation of one kind. */
export type AttestOf<Kind extends Attest["kind"]> = Extract<Attest, { kind: Kind }>;

/** Decodes an attestation and requires its kind: anything else is refused, by magic, type or form. */
export function decodeAttest<Kind extends Attest["kind"]>(
  bytes: AttestBytes,
  kind: Kind,
): AttestOf<Kind> {
  const value = decodeWhole(attest, bytes, "TPMS_ATTEST", "attest_malformed");
  if (value.kind !== kind) throw refuse("attest_type", `${value.kind} instead of ${kind}`);
  return value as AttestOf<Kind>;
}

/** Encodes an attestation. */
export function encodeAttest(value: Attest): AttestBytes {
  return claimForm(encodeWhole(attest, value));
}

const creationData = layout({
  selections: pcrSelections,
  pcrDigest: sized(64),
  locality: uint8,
  parentNameAlg: uint16,
  parentName: sized(66),
  parentQualifiedName: sized(66),
  outsideInfo: sized(64),
});

/** The circumstances in which a TPM made a key. */
export type CreationData = Decoded<typeof creationData>;

/** Decodes TPMS_CREATION_DATA. */
export function decodeCreationData(bytes: CreationDataBytes): CreationData {
  return decodeWhole(creationData, bytes, "TPMS_CREATION_DATA", "creation_malformed");
}

/** Encodes TPMS_CREATION_DATA. */
export function encodeCreationData(value: CreationData): CreationDataBytes {
  return claimForm(encodeWhole(creationData, value));
}
