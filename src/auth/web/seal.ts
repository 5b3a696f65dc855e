/**
 * Encryption of a session's private keys under the secret of its cookie: AES-256-GCM with a key from HKDF-SHA-256
 * (RFC 5869). The store holds what is sealed and a hash of the secret, so a copy of the store opens no session.
 */
import { createCipheriv, createDecipheriv, hkdfSync } from "node:crypto";
import { concat, utf8 } from "#base/bytes.ts";
import { Fault } from "#base/fault.ts";
import type { Random } from "#base/random.ts";

const cipher = "aes-256-gcm";
const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;

/** Seals bytes for the session `id`. */
export function seal(secret: Uint8Array, id: string, plain: Uint8Array, random: Random) {
  const nonce = random(nonceBytes);
  const encryption = createCipheriv(cipher, keyOf(secret, id), nonce, { authTagLength: tagBytes });
  encryption.setAAD(utf8(id));
  return concat(nonce, encryption.update(plain), encryption.final(), encryption.getAuthTag());
}

/** Opens what {@link seal} sealed. Throws `unproven` for another secret, another session or changed bytes. */
export function unseal(secret: Uint8Array, id: string, sealed: Uint8Array): Uint8Array {
  try {
    const nonce = sealed.subarray(0, nonceBytes);
    const end = sealed.length - tagBytes;
    const decryption = createDecipheriv(cipher, keyOf(secret, id), nonce, {
      authTagLength: tagBytes,
    });
    decryption.setAAD(utf8(id));
    decryption.setAuthTag(sealed.subarray(end));
    return concat(decryption.update(sealed.subarray(nonceBytes, end)), decryption.final());
  } catch (cause) {
    throw new Fault("unproven", "the session does not open with this cookie", { cause });
  }
}

function keyOf(secret: Uint8Array, id: string): Uint8Array {
  const info = utf8(`gatehouse web session v1\0${id}`);
  return new Uint8Array(hkdfSync("sha256", secret, new Uint8Array(0), info, keyBytes));
}
