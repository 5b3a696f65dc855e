/** Choosing algorithms from two KEXINIT messages (RFC 4253 section 7.1, OpenSSH PROTOCOL section 1.9). */
import { Fault } from "#base/fault.ts";
import type { Random } from "#base/random.ts";
import type { Value } from "../layout.ts";
import type { kexInit } from "../messages/transport.ts";

/** A decoded KEXINIT. */
export type KexInit = Value<typeof kexInit>;

/** Names that we offer, preferred first. */
export interface Offer {
  readonly keyExchange: readonly string[];
  readonly hostKey: readonly string[];
  readonly cipher: readonly string[];
}

/** What both sides agreed on. */
export interface Agreed {
  readonly keyExchange: string;
  readonly hostKey: string;
  readonly cipherToServer: string;
  readonly cipherToClient: string;
}

/** Markers in the list of key exchanges that are no methods. */
export const marker = {
  strictClient: "kex-strict-c-v00@openssh.com",
  strictServer: "kex-strict-s-v00@openssh.com",
  extInfoClient: "ext-info-c",
} as const;

/** Never used, since every cipher of ours authenticates by itself; some peers want a name in the list. */
const macNames = ["hmac-sha2-256-etm@openssh.com"];

/** Our KEXINIT. `markers` go into the first one of a connection only. */
export function createKexInit(offer: Offer, markers: readonly string[], random: Random): KexInit {
  return {
    cookie: random(16),
    keyExchange: [...offer.keyExchange, ...markers],
    hostKey: offer.hostKey,
    cipherToServer: offer.cipher,
    cipherToClient: offer.cipher,
    macToServer: macNames,
    macToClient: macNames,
    compressionToServer: ["none"],
    compressionToClient: ["none"],
    languageToServer: [],
    languageToClient: [],
    firstPacketFollows: false,
    reserved: 0,
  };
}

/** The first name of the client that the server has too, for every kind. Throws `invalid` if one kind has none. */
export function negotiate(client: KexInit, server: KexInit): Agreed {
  choose("compression", client.compressionToServer, server.compressionToServer);
  choose("compression", client.compressionToClient, server.compressionToClient);
  return {
    keyExchange: choose("key exchange", methodsOf(client), methodsOf(server)),
    hostKey: choose("host key algorithm", client.hostKey, server.hostKey),
    cipherToServer: choose("cipher", client.cipherToServer, server.cipherToServer),
    cipherToClient: choose("cipher", client.cipherToClient, server.cipherToClient),
  };
}

/** True if the peer sent a key exchange packet for a guess that turned out wrong (RFC 4253 section 7). */
export function guessedWrong(ours: KexInit, peer: KexInit): boolean {
  if (!peer.firstPacketFollows) return false;
  return methodsOf(ours)[0] !== methodsOf(peer)[0] || ours.hostKey[0] !== peer.hostKey[0];
}

function methodsOf({ keyExchange }: KexInit): string[] {
  return keyExchange.filter((name) => !/^(ext-info|kex-strict)-/.test(name));
}

function choose(kind: string, client: readonly string[], server: readonly string[]): string {
  const chosen = client.find((name) => server.includes(name));
  if (chosen === undefined) {
    throw new Fault("invalid", `no ${kind} in common with the SSH peer`, {
      hint: "use OpenSSH 8.5 or newer, or another client with AES-GCM, Curve25519 and RSA with SHA-2",
    });
  }
  return chosen;
}
