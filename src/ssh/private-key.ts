/**
 * The "openssh-key-v1" file of a private key (OpenSSH PROTOCOL.key), without encryption, for Ed25519, ECDSA
 * and RSA keys. Other PEM forms are not read here.
 */
import { createPrivateKey, createPublicKey, type KeyObject, type webcrypto } from "node:crypto";
import { base64url, buffer, concat, sameBytes, utf8 } from "#base/bytes.ts";
import { Fault } from "#base/fault.ts";
import type { Random } from "#base/random.ts";
import { curveOf } from "./algorithms.ts";
import { blobTypeOf, encodePublicKey, formatJwk, readKeyFields } from "./public-key.ts";
import { padLeft, Reader, Writer } from "./wire.ts";

const magic = utf8("openssh-key-v1\0");
const header = "-----BEGIN OPENSSH PRIVATE KEY-----";
const footer = "-----END OPENSSH PRIVATE KEY-----";
/** The block size that padding fills when there is no cipher. */
const blockSize = 8;

/** Parses the text of a private key file. Throws `malformed`, or `invalid` if it is encrypted. */
export function parsePrivateKey(text: string): KeyObject {
  const trimmed = text.trim();
  if (!trimmed.startsWith(header) || !trimmed.endsWith(footer)) {
    throw new Fault("malformed", "the file is not an OpenSSH private key");
  }
  const body = trimmed.slice(header.length, -footer.length);
  const reader = new Reader(new Uint8Array(Buffer.from(body, "base64")));
  if (!sameBytes(reader.bytes(magic.length), magic)) {
    throw new Fault("malformed", "the private key is not in the openssh-key-v1 format");
  }
  if (reader.text() !== "none" || reader.text() !== "none" || reader.string().length > 0) {
    throw new Fault("invalid", "the private key is protected by a passphrase", {
      hint: "remove the passphrase with: ssh-keygen -p -f FILE",
    });
  }
  if (reader.uint32() !== 1) throw new Fault("malformed", "the file does not hold exactly one key");
  const publicKey = reader.string();
  const key = decodePrivatePart(reader.string());
  reader.end();
  if (!sameBytes(encodePublicKey(createPublicKey(key)), publicKey)) {
    throw new Fault("malformed", "the private key does not belong to the public key in its file");
  }
  return key;
}

/** Formats a private key as the text of a file. `comment` is usually user@host. */
export function formatPrivateKey(key: KeyObject, comment: string, random: Random): string {
  const publicKey = encodePublicKey(createPublicKey(key));
  const check = random(4);
  const secret = new Writer(2048).bytes(check).bytes(check);
  writeKeyFields(key, publicKey, secret);
  secret.string(comment);
  for (let pad = 1; secret.done().length % blockSize !== 0; pad++) secret.byte(pad);
  const body = new Writer(4096)
    .bytes(magic)
    .string("none")
    .string("none")
    .string("")
    .uint32(1)
    .string(publicKey)
    .string(secret.done())
    .done();
  const lines =
    buffer(body)
      .toString("base64")
      .match(/.{1,70}/g) ?? [];
  return `${[header, ...lines, footer].join("\n")}\n`;
}

function decodePrivatePart(bytes: Uint8Array): KeyObject {
  const reader = new Reader(bytes);
  const check = reader.uint32();
  if (check !== reader.uint32()) {
    throw new Fault("malformed", "the private key is damaged");
  }
  const type = reader.text();
  const jwk = readPrivateFields(type, reader);
  reader.text();
  const padding = reader.rest();
  if (padding.length >= blockSize || padding.some((byte, index) => byte !== index + 1)) {
    throw new Fault("malformed", "the padding of the private key is wrong");
  }
  try {
    return createPrivateKey({ format: "jwk", key: jwk });
  } catch (cause) {
    throw new Fault("malformed", "the private key is not valid", { cause });
  }
}

function readPrivateFields(type: string, reader: Reader): webcrypto.JsonWebKey {
  if (type === "ssh-rsa") return readRsaFields(reader);
  const jwk = formatJwk(readKeyFields(type, reader));
  const curve = curveOf(type);
  if (curve !== undefined) return { ...jwk, d: base64url(padLeft(reader.mpint(), curve.size)) };
  const secret = reader.string();
  if (secret.length !== 64)
    throw new Fault("malformed", "an Ed25519 private key has a wrong length");
  return { ...jwk, d: base64url(secret.subarray(0, 32)) };
}

/** RSA fields stand in another order than in the public key: n, e, d, 1/q mod p, p, q. */
function readRsaFields(reader: Reader): webcrypto.JsonWebKey {
  const [n, e, d, qi, p, q] = Array.from({ length: 6 }, () => reader.mpint()) as RsaFields;
  return {
    kty: "RSA",
    ...{ n: base64url(n), e: base64url(e), d: base64url(d) },
    ...{ p: base64url(p), q: base64url(q), qi: base64url(qi) },
    ...{ dp: exponent(d, p), dq: exponent(d, q) },
  };
}

type RsaFields = [Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array];

/** d mod (prime - 1), which a JSON Web Key wants and the file does not hold. */
function exponent(d: Uint8Array, prime: Uint8Array): string {
  const modulus = toBigInt(prime) - 1n;
  if (modulus <= 0n) throw new Fault("malformed", "an RSA private key has no primes");
  const digits = (toBigInt(d) % modulus).toString(16);
  return Buffer.from(digits.padStart(digits.length + (digits.length % 2), "0"), "hex").toString(
    "base64url",
  );
}

function toBigInt(magnitude: Uint8Array): bigint {
  return BigInt(`0x0${buffer(magnitude).toString("hex")}`);
}

function writeKeyFields(key: KeyObject, publicKey: Uint8Array, writer: Writer): void {
  const type = blobTypeOf(publicKey);
  const jwk = key.export({ format: "jwk" });
  const part = (name: "n" | "e" | "d" | "qi" | "p" | "q"): Uint8Array =>
    new Uint8Array(Buffer.from(jwk[name] ?? "", "base64url"));
  if (type === "ssh-rsa") {
    writer.string(type);
    for (const name of ["n", "e", "d", "qi", "p", "q"] as const) writer.mpint(part(name));
    return;
  }
  writer.bytes(publicKey);
  if (type !== "ssh-ed25519") {
    writer.mpint(part("d"));
    return;
  }
  const point = publicKey.subarray(-32);
  writer.string(concat(part("d"), point));
}
