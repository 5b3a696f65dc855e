/**
 * One key exchange, from both KEXINIT messages to new keys (RFC 4253 sections 7 and 8). The transport feeds it
 * the messages 30 and 31; sending NEWKEYS and switching ciphers is the transport's.
 */
import { Fault } from "#base/fault.ts";
import { findAlgorithm } from "../algorithms.ts";
import { kexClient, kexInit, kexServer } from "../messages/transport.ts";
import { type HostKey, type PresentedHostKey, selectHostKey, verifyHostKey } from "./host-key.ts";
import { deriveCipher, type ExchangeTranscript, hashExchange } from "./key-derivation.ts";
import { type ClientShare, getKeyExchange } from "./key-exchange.ts";
import { type Agreed, guessedWrong, negotiate } from "./negotiation.ts";
import type { PacketCipher } from "./packet-cipher.ts";

/** What is known before the exchange begins. */
export interface HandshakeStart {
  readonly ownVersion: string;
  readonly peerVersion: string;
  /** Encoded KEXINIT messages. */
  readonly ownInit: Uint8Array;
  readonly peerInit: Uint8Array;
}

/** The outcome: the exchange hash, and the ciphers that it gives for a session id. */
export interface HandshakeKeys {
  readonly exchangeHash: Uint8Array;
  ciphers(sessionId: Uint8Array): { toServer: PacketCipher; toClient: PacketCipher };
}

/** The server's answer to the client's share. */
export async function answerHandshake(
  start: HandshakeStart,
  agreed: Agreed,
  hostKeys: readonly HostKey[],
  payload: Uint8Array,
): Promise<{ reply: Uint8Array; keys: HandshakeKeys }> {
  const { share: clientShare } = kexClient.decode(payload);
  const { blob, signer } = selectHostKey(hostKeys, agreed.hostKey);
  const { share, secret } = getKeyExchange(agreed.keyExchange).answer(clientShare);
  const keys = finish(agreed, {
    clientVersion: start.peerVersion,
    serverVersion: start.ownVersion,
    clientInit: start.peerInit,
    serverInit: start.ownInit,
    hostKey: blob,
    ...{ clientShare, serverShare: share, secret },
  });
  const algorithm = findAlgorithm(agreed.hostKey)?.signature ?? "";
  const signature = await signer.sign(keys.exchangeHash, algorithm);
  return { reply: kexServer.encode({ hostKey: blob, share, signature }), keys };
}

/** The client's first message of the exchange. */
export function beginHandshake(agreed: Agreed): { share: ClientShare; request: Uint8Array } {
  const share = getKeyExchange(agreed.keyExchange).begin();
  return { share, request: kexClient.encode({ share: share.share }) };
}

/** The client's check of the server's answer. Throws `unproven` if the server does not hold the host key. */
export function finishHandshake(
  start: HandshakeStart,
  agreed: Agreed,
  own: ClientShare,
  payload: Uint8Array,
): { hostKey: PresentedHostKey; keys: HandshakeKeys } {
  const { hostKey: blob, share, signature } = kexServer.decode(payload);
  const keys = finish(agreed, {
    clientVersion: start.ownVersion,
    serverVersion: start.peerVersion,
    clientInit: start.ownInit,
    serverInit: start.peerInit,
    hostKey: blob,
    clientShare: own.share,
    serverShare: share,
    secret: own.finish(share),
  });
  return { hostKey: verifyHostKey(agreed.hostKey, blob, keys.exchangeHash, signature), keys };
}

/** Agrees on algorithms. `skipGuess` tells that the peer's next exchange packet must be dropped. */
export function agree(
  role: "client" | "server",
  { ownInit, peerInit }: HandshakeStart,
): { agreed: Agreed; skipGuess: boolean } {
  const own = kexInit.decode(ownInit);
  const peer = kexInit.decode(peerInit);
  const agreed = role === "client" ? negotiate(own, peer) : negotiate(peer, own);
  if (findAlgorithm(agreed.hostKey) === undefined) {
    throw new Fault("invalid", `the host key algorithm ${agreed.hostKey} is not supported`);
  }
  return { agreed, skipGuess: guessedWrong(own, peer) };
}

function finish(agreed: Agreed, transcript: ExchangeTranscript): HandshakeKeys {
  const exchangeHash = hashExchange(transcript);
  const derive = (direction: "toServer" | "toClient", cipher: string, sessionId: Uint8Array) =>
    deriveCipher(direction, cipher, transcript.secret, exchangeHash, sessionId);
  return {
    exchangeHash,
    ciphers: (sessionId) => ({
      toServer: derive("toServer", agreed.cipherToServer, sessionId),
      toClient: derive("toClient", agreed.cipherToClient, sessionId),
    }),
  };
}
