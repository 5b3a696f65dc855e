/**
 * The file that keeps the device's key of a Mac between runs: its identifier, its public half, and the private half as the
 * Secure Enclave wrapped it, which is of use in this enclave only. The file is private to the person all the same.
 */
import { createPublicKey, type KeyObject } from "node:crypto";
import * as z from "zod";
import { base64 } from "#base/bytes.ts";
import { Fault, isFault } from "#base/fault.ts";
import { readText, writePrivate } from "../../profile/files.ts";

/** The key as it is kept. */
export interface StoredEnclaveKey {
  /** Made with the key; an enrollment again keeps both. */
  readonly credentialId: string;
  /** What the enclave calls its data representation. */
  readonly key: Uint8Array;
  /** SubjectPublicKeyInfo of a P-256 key. */
  readonly publicKeyDer: Uint8Array;
}

const maxText = 64 * 1024;
const bytes = z.base64().transform((text) => new Uint8Array(Buffer.from(text, "base64")));
const schema = z.strictObject({
  version: z.literal(1),
  credential_id: z.uuid(),
  key: bytes,
  public_key_der: bytes,
});

/** Reads the key; undefined when there is no file. Throws `environment` for a file that cannot be used. */
export function readEnclaveKey(path: string): StoredEnclaveKey | undefined {
  const text = readText(path);
  if (text === undefined) return undefined;
  try {
    const data = schema.parse(text.length > maxText ? undefined : JSON.parse(text));
    const { credential_id: credentialId, key, public_key_der: publicKeyDer } = data;
    parseEnclavePublicKey(publicKeyDer);
    return { credentialId, key, publicKeyDer };
  } catch (cause) {
    throw new Fault("environment", `the device key file ${path} is damaged`, {
      hint: `remove it and enroll again: rm ${path} && tsh device enroll --current-device`,
      cause,
    });
  }
}

/** Writes the key, mode 0600, in one step. */
export function writeEnclaveKey(path: string, stored: StoredEnclaveKey): void {
  const document: z.input<typeof schema> = {
    version: 1,
    credential_id: stored.credentialId,
    key: base64(stored.key),
    public_key_der: base64(stored.publicKeyDer),
  };
  writePrivate(path, `${JSON.stringify(document, null, 2)}\n`);
}

/** The key that a Secure Enclave makes: on P-256. Throws `malformed` for any other. */
export function parseEnclavePublicKey(der: Uint8Array): KeyObject {
  try {
    const key = createPublicKey({ key: Buffer.from(der), format: "der", type: "spki" });
    if (key.asymmetricKeyDetails?.namedCurve === "prime256v1") return key;
    throw new Fault("malformed", "a key of a Secure Enclave is on P-256");
  } catch (cause) {
    if (isFault(cause)) throw cause;
    throw new Fault("malformed", "the public key cannot be read", { cause });
  }
}
