/**
 * The file that keeps the device's attestation key between runs. The private part is encrypted by the TPM and useless
 * anywhere else; the file is private to the person all the same.
 */
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import * as z from "zod";
import { base64 } from "#base/bytes.ts";
import { Fault } from "#base/fault.ts";
import { type AttestationParameters, parseAttestationKey } from "#tpm/attestation-key.ts";
import { credentialIdOf } from "#tpm/credential-id.ts";
import { claimForm } from "#tpm/forms.ts";
import type { PublicCredential } from "./platform.ts";

/** The key as it is kept. */
export interface StoredAttestationKey extends AttestationParameters {
  readonly private: Uint8Array;
  /** SHA-256 of the endorsement key of the TPM that made the key: tells another TPM from a cleared one. */
  readonly endorsementHash: string;
}

const bytes = z.base64().transform((text) => new Uint8Array(Buffer.from(text, "base64")));

const schema = z.strictObject({
  version: z.literal(1),
  endorsement_key_sha256: z.string().regex(/^[0-9a-f]{64}$/),
  private: bytes,
  public: bytes,
  create_data: bytes,
  create_attestation: bytes,
  create_signature: bytes,
});

const maxBytes = 64 * 1024;

/** Reads the key; undefined when there is no file. Throws `environment` for a file that cannot be used. */
export async function readAttestationKey(path: string): Promise<StoredAttestationKey | undefined> {
  const text = await readText(path);
  if (text === undefined) return undefined;
  try {
    const data = schema.parse(text.length > maxBytes ? undefined : JSON.parse(text));
    const key: StoredAttestationKey = {
      endorsementHash: data.endorsement_key_sha256,
      private: data.private,
      public: claimForm(data.public),
      createData: claimForm(data.create_data),
      createAttestation: claimForm(data.create_attestation),
      createSignature: claimForm(data.create_signature),
    };
    // Our own keys always sign with SHA-256.
    parseAttestationKey(key.public, { allowSha1: false });
    return key;
  } catch (cause) {
    throw new Fault("environment", `the device key file ${path} is damaged`, {
      hint: `remove it and enroll again: rm ${path} && tsh device enroll --current-device`,
      cause,
    });
  }
}

/** The public half of the key in the file; undefined when there is none. Throws as {@link readAttestationKey} does. */
export async function findTpmCredential(path: string): Promise<PublicCredential | undefined> {
  const key = await readAttestationKey(path);
  if (key === undefined) return undefined;
  const id = credentialIdOf(parseAttestationKey(key.public, { allowSha1: false }));
  return { id, publicKeyDer: new Uint8Array(0), tpmAkPublic: key.public };
}

/** Writes the key, mode 0600, in one step. */
export async function writeAttestationKey(path: string, key: StoredAttestationKey): Promise<void> {
  const document: z.input<typeof schema> = {
    version: 1,
    endorsement_key_sha256: key.endorsementHash,
    private: base64(key.private),
    public: base64(key.public),
    create_data: base64(key.createData),
    create_attestation: base64(key.createAttestation),
    create_signature: base64(key.createSignature),
  };
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(temporary, `${JSON.stringify(document, null, 2)}\n`, { mode: 0o600 });
    await rename(temporary, path);
  } catch (cause) {
    throw new Fault("environment", `the device key file ${path} cannot be written`, {
      hint: `check that you own the folder: ls -ld ${dirname(path)}`,
      cause,
    });
  }
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return undefined;
    throw new Fault("environment", `the device key file ${path} cannot be read`, {
      hint: `check that you own it: ls -l ${path}`,
      cause,
    });
  }
}
