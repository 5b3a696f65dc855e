/**
 * The standard keys of a TPM, found or made again: the storage root key under which the attestation key lives, and the
 * endorsement key with its certificate (TCG EK Credential Profile 2.5; Provisioning Guidance section 7.5).
 */
import { createHash } from "node:crypto";
import { hex, sameBytes } from "#base/bytes.ts";
import { Fault, isFault } from "#base/fault.ts";
import type { TpmClient } from "#tpm/client.ts";
import { readHandles } from "#tpm/commands/capabilities.ts";
import { createPrimary, type LoadedKey, makePersistent, readPublic } from "#tpm/commands/keys.ts";
import { objectAttribute, permanentHandle, wellKnown } from "#tpm/constants.ts";
import { cutPadding, parseEndorsementCertificate } from "#tpm/endorsement-certificate.ts";
import type { PublicBytes } from "#tpm/forms.ts";
import { decodePublic, publicKeyOf } from "#tpm/public-area.ts";
import { isTpmFault, responseCode } from "#tpm/response-code.ts";
import {
  p256EndorsementTemplate,
  rsaEndorsementTemplate,
  storageRootTemplate,
} from "#tpm/templates.ts";

/** Runs `use` with the handle of the storage root key, which is made, and kept unless told otherwise, when the TPM has none. */
export async function withStorageRoot<T>(
  tpm: TpmClient,
  use: (handle: number) => Promise<T>,
  { keep = true }: { readonly keep?: boolean } = {},
): Promise<T> {
  const persistent = wellKnown.storageRootKey;
  if ((await findStorageKey(tpm, persistent)) !== undefined) return use(persistent);
  return tpm.withHandle(
    createPrimary(permanentHandle.owner, storageRootTemplate),
    async (handle) => {
      // Keeping it saves time at every run. A TPM that refuses makes the same key again next time.
      if (keep) await tpm.run(makePersistent(handle, persistent)).catch(ignoreRefusal);
      return use(handle);
    },
  );
}

/** An endorsement key that the TPM can use now. */
export interface UsableEndorsementKey {
  readonly handle: number;
  /** SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  /** SHA-256 of {@link spki}, hexadecimal. */
  readonly hash: string;
  /** X.509 in DER, when the TPM holds a certificate for this key. */
  readonly certificate: Uint8Array | undefined;
}

interface EndorsementSlot {
  readonly certificate: number;
  readonly nonce: number;
  readonly persistent: number | undefined;
  readonly template: (nonce?: Uint8Array) => PublicBytes;
}

const rsaSlot: EndorsementSlot = {
  certificate: wellKnown.rsaEndorsementCertificate,
  nonce: wellKnown.rsaEndorsementNonce,
  persistent: wellKnown.rsaEndorsementKey,
  template: rsaEndorsementTemplate,
};

const p256Slot: EndorsementSlot = {
  certificate: wellKnown.p256EndorsementCertificate,
  nonce: wellKnown.p256EndorsementNonce,
  persistent: undefined,
  template: p256EndorsementTemplate,
};

/**
 * Runs `use` with the endorsement key: the RSA one if it has a certificate, else the P-256 one if that has, else the RSA
 * one without. A certificate that belongs to another key counts as none.
 */
export async function withEndorsementKey<T>(
  tpm: TpmClient,
  use: (key: UsableEndorsementKey) => Promise<T>,
): Promise<T> {
  const indices = await tpm.run(readHandles(0x01000000));
  for (const slot of [rsaSlot, p256Slot]) {
    const certificate = await findCertificate(tpm, slot, indices);
    if (certificate === undefined) continue;
    const outcome = await withSlot(tpm, slot, indices, async (key) =>
      certifies(certificate, key.spki) ? { value: await use({ ...key, certificate }) } : undefined,
    );
    if (outcome !== undefined) return outcome.value;
  }
  return withSlot(tpm, rsaSlot, indices, (key) => use({ ...key, certificate: undefined }));
}

async function withSlot<T>(
  tpm: TpmClient,
  slot: EndorsementSlot,
  indices: readonly number[],
  use: (key: Omit<UsableEndorsementKey, "certificate">) => Promise<T>,
): Promise<T> {
  const { persistent } = slot;
  const kept = persistent === undefined ? undefined : await findStorageKey(tpm, persistent);
  if (kept !== undefined) return use({ handle: kept.handle, ...describe(kept) });
  const nonce = indices.includes(slot.nonce) ? await tpm.readNv(slot.nonce) : undefined;
  const { endorsement } = permanentHandle;
  const authorization = await tpm.authorizeEndorsement();
  const made = await tpm.run(createPrimary(endorsement, slot.template(nonce), authorization));
  return tpm.holding(made.handle, () => use({ handle: made.handle, ...describe(made) }));
}

async function findCertificate(
  tpm: TpmClient,
  slot: EndorsementSlot,
  indices: readonly number[],
): Promise<Uint8Array | undefined> {
  if (!indices.includes(slot.certificate)) return undefined;
  try {
    return cutPadding(await tpm.readNv(slot.certificate));
  } catch (error) {
    // An index that may not be read, or holds something else, is as good as none.
    if (isFault(error, "malformed", "unproven") || isTpmFault(error)) return undefined;
    throw error;
  }
}

function certifies(certificate: Uint8Array, spki: Uint8Array): boolean {
  try {
    const { key } = parseEndorsementCertificate(certificate);
    return sameBytes(key.export({ format: "der", type: "spki" }), spki);
  } catch (error) {
    if (error instanceof Fault) return false;
    throw error;
  }
}

function describe(key: LoadedKey): Pick<UsableEndorsementKey, "spki" | "hash"> {
  const spki = publicKeyOf(decodePublic(key.public)).export({ format: "der", type: "spki" });
  return { spki: new Uint8Array(spki), hash: hex(createHash("sha256").update(spki).digest()) };
}

function isStorageKey(area: PublicBytes): boolean {
  const storage = objectAttribute.restricted | objectAttribute.decrypt;
  return (decodePublic(area).attributes & storage) === storage;
}

/** The storage key that is kept under the handle. One whose hierarchy is off is listed, and as good as none. */
async function findStorageKey(tpm: TpmClient, handle: number): Promise<LoadedKey | undefined> {
  if (!(await tpm.run(readHandles(handle))).includes(handle)) return undefined;
  try {
    const key = await tpm.run(readPublic(handle));
    return isStorageKey(key.public) ? key : undefined;
  } catch (error) {
    if (!isTpmFault(error, responseCode.handle)) throw error;
    return undefined;
  }
}

function ignoreRefusal(error: unknown): void {
  if (!isTpmFault(error)) throw error;
}
