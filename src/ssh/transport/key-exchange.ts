/**
 * Key exchange methods: curve25519-sha256 (RFC 8731), ecdh-sha2-nistp256 (RFC 5656 section 4), and the hybrid
 * mlkem768x25519-sha256 (draft-ietf-sshm-mlkem-hybrid-kex). All hash with SHA-256.
 *
 * The ephemeral keys come from OpenSSL's generator: node:crypto takes no randomness as an argument.
 */
import {
  createECDH,
  createHash,
  createPublicKey,
  decapsulate,
  diffieHellman,
  encapsulate,
  generateKeyPairSync,
  type KeyObject,
} from "node:crypto";
import { concat } from "#base/bytes.ts";
import { Fault } from "#base/fault.ts";
import { Writer } from "../wire.ts";

/** The hash of every method here. */
export const exchangeHashName = "sha256";

/** The client's side of one exchange. */
export interface ClientShare {
  readonly share: Uint8Array;
  /** The shared secret as it is hashed, from the server's share. Throws `malformed` for a bad share. */
  finish(serverShare: Uint8Array): Uint8Array;
}

/** The server's side of one exchange. */
export interface ServerShare {
  readonly share: Uint8Array;
  readonly secret: Uint8Array;
}

/** One method. */
export interface KeyExchangeMethod {
  begin(): ClientShare;
  /** Throws `malformed` for a bad share of the client. */
  answer(clientShare: Uint8Array): ServerShare;
}

const curve25519: KeyExchangeMethod = {
  begin() {
    const own = x25519();
    return { share: own.share, finish: (peer) => asMpint(own.agree(peer)) };
  },
  answer(peer) {
    const own = x25519();
    return { share: own.share, secret: asMpint(own.agree(peer)) };
  },
};

const nistp256: KeyExchangeMethod = {
  begin() {
    const own = ecdh();
    return { share: own.share, finish: (peer) => asMpint(own.agree(peer)) };
  },
  answer(peer) {
    const own = ecdh();
    return { share: own.share, secret: asMpint(own.agree(peer)) };
  },
};

/** Lengths of FIPS 203, ML-KEM-768, and of X25519, in bytes. */
const sizes = { encapsulationKey: 1184, ciphertext: 1088, x25519: 32 };
/** The DER in front of a raw key of these kinds. */
const spki = {
  x25519: Buffer.from("302a300506032b656e032100", "hex"),
  mlkem768: Buffer.from("308204b2300b0609608648016503040402038204a100", "hex"),
};

const mlkem768x25519: KeyExchangeMethod = {
  begin() {
    const kem = generateKeyPairSync("ml-kem-768");
    const own = x25519();
    const share = concat(rawKey(kem.publicKey, spki.mlkem768), own.share);
    return {
      share,
      finish(peer) {
        const [ciphertext, point] = split(peer, sizes.ciphertext);
        const first = check(() => decapsulate(kem.privateKey, ciphertext));
        return asHash(first, own.agree(point));
      },
    };
  },
  answer(peer) {
    const [raw, point] = split(peer, sizes.encapsulationKey);
    const { sharedKey, ciphertext } = check(() => encapsulate(importKey(spki.mlkem768, raw)));
    const own = x25519();
    return { share: concat(ciphertext, own.share), secret: asHash(sharedKey, own.agree(point)) };
  },
};

const methods: ReadonlyMap<string, KeyExchangeMethod> = new Map([
  ["mlkem768x25519-sha256", mlkem768x25519],
  ["curve25519-sha256", curve25519],
  ["curve25519-sha256@libssh.org", curve25519],
  ["ecdh-sha2-nistp256", nistp256],
]);

/** Names, preferred first. */
export const keyExchangeNames: readonly string[] = [...methods.keys()];

/** The method with this name. Throws `invalid` for a name that is not ours. */
export function getKeyExchange(name: string): KeyExchangeMethod {
  const method = methods.get(name);
  if (method === undefined) throw new Fault("invalid", `the key exchange ${name} is not supported`);
  return method;
}

interface Agreement {
  readonly share: Uint8Array;
  agree(peer: Uint8Array): Uint8Array;
}

function x25519(): Agreement {
  const own = generateKeyPairSync("x25519");
  return {
    share: rawKey(own.publicKey, spki.x25519),
    agree(peer) {
      if (peer.length !== sizes.x25519) throw badShare();
      // OpenSSL refuses the points that give an all-zero secret (RFC 8731 section 3).
      return check(() =>
        diffieHellman({ privateKey: own.privateKey, publicKey: importKey(spki.x25519, peer) }),
      );
    },
  };
}

function ecdh(): Agreement {
  const own = createECDH("prime256v1");
  const share = own.generateKeys();
  return {
    share,
    agree(peer) {
      if (peer.length !== 65 || peer[0] !== 4) throw badShare();
      return check(() => own.computeSecret(peer));
    },
  };
}

function rawKey(key: KeyObject, prefix: Uint8Array): Uint8Array {
  return key.export({ format: "der", type: "spki" }).subarray(prefix.length);
}

function importKey(prefix: Uint8Array, raw: Uint8Array): KeyObject {
  return createPublicKey({ format: "der", type: "spki", key: Buffer.concat([prefix, raw]) });
}

function split(share: Uint8Array, first: number): [Uint8Array, Uint8Array] {
  if (share.length !== first + sizes.x25519) throw badShare();
  return [share.subarray(0, first), share.subarray(first)];
}

/** The curve methods hash the secret as an integer. */
function asMpint(secret: Uint8Array): Uint8Array {
  return new Writer(64).mpint(secret).done();
}

/** The hybrid hashes both secrets together, as a string. */
function asHash(first: Uint8Array, second: Uint8Array): Uint8Array {
  const digest = createHash(exchangeHashName).update(first).update(second).digest();
  return new Writer(64).string(digest).done();
}

function check<T>(compute: () => T): T {
  try {
    return compute();
  } catch (cause) {
    throw new Fault("malformed", "the key exchange share of the SSH peer is not valid", { cause });
  }
}

function badShare(): Fault {
  return new Fault("malformed", "the key exchange share of the SSH peer has a wrong length");
}
