/** From a shared secret to packet keys (RFC 4253 sections 7.2 and 8). */
import { createHash } from "node:crypto";
import { Writer } from "../wire.ts";
import { exchangeHashName } from "./key-exchange.ts";
import {
  createPacketCipher,
  keyLengthOf,
  nonceLength,
  type PacketCipher,
} from "./packet-cipher.ts";

/** What the exchange hash covers (RFC 4253 section 8). */
export interface ExchangeTranscript {
  readonly clientVersion: string;
  readonly serverVersion: string;
  readonly clientInit: Uint8Array;
  readonly serverInit: Uint8Array;
  readonly hostKey: Uint8Array;
  readonly clientShare: Uint8Array;
  readonly serverShare: Uint8Array;
  /** As the method encodes it. */
  readonly secret: Uint8Array;
}

/** The exchange hash H. The first of a connection is the session id. */
export function hashExchange(transcript: ExchangeTranscript): Uint8Array {
  const { clientVersion, serverVersion, clientInit, serverInit } = transcript;
  const { hostKey, clientShare, serverShare, secret } = transcript;
  const writer = new Writer(8192).string(clientVersion).string(serverVersion);
  for (const part of [clientInit, serverInit, hostKey, clientShare, serverShare]) {
    writer.string(part);
  }
  return createHash(exchangeHashName).update(writer.bytes(secret).done()).digest();
}

/** The two directions, each with the letters of RFC 4253 section 7.2 for its nonce and key. */
const letters = { toServer: ["A", "C"], toClient: ["B", "D"] } as const;

/** The packet cipher of one direction. */
export function deriveCipher(
  direction: keyof typeof letters,
  cipher: string,
  secret: Uint8Array,
  exchangeHash: Uint8Array,
  sessionId: Uint8Array,
): PacketCipher {
  // No cipher of ours needs more than one SHA-256 block of key.
  const derive = (letter: string, length: number): Uint8Array =>
    createHash(exchangeHashName)
      .update(secret)
      .update(exchangeHash)
      .update(letter)
      .update(sessionId)
      .digest()
      .subarray(0, length);
  const [nonce, key] = letters[direction];
  return createPacketCipher(cipher, derive(key, keyLengthOf(cipher)), derive(nonce, nonceLength));
}
