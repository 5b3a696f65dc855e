/**
 * The ciphers of packets: AES-GCM as OpenSSH names it (RFC 5647 with the key exchange of OpenSSH PROTOCOL
 * section 1.6). The length is authenticated, not encrypted; the nonce is a fixed part and a counter.
 *
 * No CBC, CTR or ChaCha20: every supported peer has AES-GCM, and it needs no separate MAC.
 */
import { createCipheriv, createDecipheriv } from "node:crypto";
import { discard } from "#base/bytes.ts";
import { Fault } from "#base/fault.ts";
import { lengthBytes } from "./packet-assembler.ts";

/** How one cipher is keyed. */
interface CipherInfo {
  readonly node: "aes-128-gcm" | "aes-256-gcm";
  readonly keyLength: number;
}

const ciphers: ReadonlyMap<string, CipherInfo> = new Map([
  ["aes128-gcm@openssh.com", { node: "aes-128-gcm", keyLength: 16 }],
  ["aes256-gcm@openssh.com", { node: "aes-256-gcm", keyLength: 32 }],
]);

/** Names, preferred first. */
export const cipherNames: readonly string[] = [...ciphers.keys()];

export const nonceLength = 12;
export const tagLength = 16;

/** Seals or opens packets in order. */
export interface PacketCipher {
  /** `packet` is the length field and the plaintext. Fills `into`, which is {@link tagLength} longer, as it goes on the wire. */
  seal(packet: Uint8Array, into: Uint8Array): void;
  /** `packet` is the length field, ciphertext and tag. Throws `malformed` if it was changed. */
  open(packet: Uint8Array): Uint8Array;
}

/** The key length of a cipher in bytes. */
export function keyLengthOf(name: string): number {
  return infoOf(name).keyLength;
}

/** A cipher for one direction. Keeps the nonce and counts it up. */
export function createPacketCipher(name: string, key: Uint8Array, nonce: Uint8Array): PacketCipher {
  const { node } = infoOf(name);
  const counter = Uint8Array.from(nonce);
  return {
    seal(packet, into) {
      const cipher = createCipheriv(node, key, counter);
      const length = packet.subarray(0, lengthBytes);
      cipher.setAAD(length);
      const ciphertext = cipher.update(packet.subarray(lengthBytes));
      cipher.final();
      increment(counter);
      into.set(length);
      into.set(ciphertext, lengthBytes);
      into.set(cipher.getAuthTag(), packet.length);
      // The cipher cannot write into memory of ours; left to the collector, its own would cost more than the encryption.
      discard(ciphertext);
    },
    open(packet) {
      const end = packet.length - tagLength;
      const decipher = createDecipheriv(node, key, counter, { authTagLength: tagLength });
      decipher.setAAD(packet.subarray(0, lengthBytes));
      decipher.setAuthTag(packet.subarray(end));
      const plaintext = decipher.update(packet.subarray(lengthBytes, end));
      try {
        decipher.final();
      } catch (cause) {
        throw new Fault("malformed", "an SSH packet was changed on its way", { cause });
      }
      increment(counter);
      return plaintext;
    },
  };
}

function infoOf(name: string): CipherInfo {
  const info = ciphers.get(name);
  if (info === undefined) throw new Fault("invalid", `the SSH cipher ${name} is not supported`);
  return info;
}

/** Counts the last 8 bytes up, modulo 2^64 (RFC 5647 section 7.1). */
function increment(nonce: Uint8Array): void {
  for (let i = nonceLength - 1; i >= 4; i--) {
    const next = ((nonce[i] ?? 0) + 1) & 0xff;
    nonce[i] = next;
    if (next !== 0) return;
  }
}
