/**
 * Public keys in SSH form (RFC 4253 section 6.6, RFC 5656 section 3.1, RFC 8709 section 4) and the lines
 * that carry them in files. Ed25519, ECDSA on the NIST curves, and RSA from 2048 bit.
 *
 * A key has one encoding here: non-minimal integers, compressed points and trailing bytes are refused,
 * so two blobs are the same key exactly if their bytes are equal. Certificates are in certificate.ts.
 */
import { createHash, createPublicKey, type KeyObject, type webcrypto } from "node:crypto";
import { base64url, buffer, concat } from "#base/bytes.ts";
import { Fault } from "#base/fault.ts";
import { curveOf, type KeyType, keyTypeOfJwkCurve } from "./algorithms.ts";
import { Reader, Writer } from "./wire.ts";

/** A public key that has been read and found good. */
export interface PublicKey {
  readonly type: KeyType;
  /** The encoding, the identity of the key. */
  readonly blob: Uint8Array;
  readonly key: KeyObject;
}

/** The fields of a key as they stand in its blob, by their names in a JSON Web Key. */
export interface KeyFields {
  readonly kty: "OKP" | "EC" | "RSA";
  readonly crv?: string;
  readonly x?: Uint8Array;
  readonly y?: Uint8Array;
  readonly n?: Uint8Array;
  readonly e?: Uint8Array;
}

/** One line of an authorized_keys or .pub file. */
export interface AuthorizedKey {
  readonly type: string;
  readonly blob: Uint8Array;
  readonly comment: string;
}

/** RSA bounds in bits: below is weak, above costs a peer nothing and us much. */
const rsaBits = { min: 2048, max: 8192 };

/** Decodes a plain public key. Throws `malformed` for bytes that are no key, `invalid` for a weak or unknown one. */
export function decodePublicKey(blob: Uint8Array): PublicKey {
  const reader = new Reader(blob);
  const type = reader.text();
  const fields = readKeyFields(type, reader);
  reader.end();
  return { type: type as KeyType, blob, key: importKey(formatJwk(fields)) };
}

/** Encodes the public half of a key. Throws `invalid` for a kind of key that SSH has no name for. */
export function encodePublicKey(key: KeyObject): Uint8Array {
  const jwk = (key.type === "private" ? createPublicKey(key) : key).export({ format: "jwk" });
  const part = (name: "x" | "y" | "n" | "e"): Uint8Array =>
    new Uint8Array(Buffer.from(jwk[name] ?? "", "base64url"));
  if (jwk.crv === "Ed25519") return new Writer().string("ssh-ed25519").string(part("x")).done();
  if (jwk.kty === "RSA") {
    return new Writer(600).string("ssh-rsa").mpint(part("e")).mpint(part("n")).done();
  }
  const type = keyTypeOfJwkCurve(jwk.crv);
  const curve = type === undefined ? undefined : curveOf(type);
  if (type === undefined || curve === undefined) {
    throw new Fault("invalid", "this kind of key cannot be used for SSH");
  }
  const point = concat(Uint8Array.of(4), part("x"), part("y"));
  return new Writer().string(type).string(curve.name).string(point).done();
}

/**
 * Reads the fields after the type string and checks their form. A certificate has the same fields in the
 * middle. Does not check that a point is on its curve; importing does.
 */
export function readKeyFields(type: string, reader: Reader): KeyFields {
  if (type === "ssh-ed25519") {
    const x = reader.string();
    if (x.length !== 32) throw new Fault("malformed", "an Ed25519 key is not 32 bytes long");
    return { kty: "OKP", crv: "Ed25519", x };
  }
  if (type === "ssh-rsa") return readRsaFields(reader);
  const curve = curveOf(type);
  if (curve === undefined) throw new Fault("invalid", "the key type is not supported");
  if (reader.text() !== curve.name) {
    throw new Fault("malformed", "the curve is not that of the type");
  }
  const point = reader.string();
  if (point.length !== 1 + 2 * curve.size || point[0] !== 4) {
    throw new Fault("malformed", "an ECDSA key is not an uncompressed point");
  }
  const y = point.subarray(1 + curve.size);
  return { kty: "EC", crv: curve.jwk, x: point.subarray(1, 1 + curve.size), y };
}

function readRsaFields(reader: Reader): KeyFields {
  const e = reader.mpint();
  const n = reader.mpint();
  const bits = 8 * n.length - Math.clz32(n[0] ?? 0) + 24;
  if (bits < rsaBits.min || bits > rsaBits.max) {
    throw new Fault("invalid", `an RSA key of ${bits} bit is not accepted`, {
      hint: "make an Ed25519 key with: ssh-keygen -t ed25519",
    });
  }
  const last = e[e.length - 1] ?? 0;
  if (e.length > 4 || last % 2 === 0 || (e.length === 1 && last < 3)) {
    throw new Fault("invalid", "the exponent of an RSA key is not accepted");
  }
  return { kty: "RSA", n, e };
}

/** The fields as a JSON Web Key, which Node imports without ASN.1 of our own. */
export function formatJwk(fields: KeyFields): webcrypto.JsonWebKey {
  const jwk: webcrypto.JsonWebKey = { kty: fields.kty };
  if (fields.crv !== undefined) jwk.crv = fields.crv;
  for (const name of ["x", "y", "n", "e"] as const) {
    const value = fields[name];
    if (value !== undefined) jwk[name] = base64url(value);
  }
  return jwk;
}

function importKey(jwk: webcrypto.JsonWebKey): KeyObject {
  try {
    return createPublicKey({ format: "jwk", key: jwk });
  } catch (cause) {
    throw new Fault("malformed", "the public key is not valid", { cause });
  }
}

/** The type string at the start of a key or certificate blob. */
export function blobTypeOf(blob: Uint8Array): string {
  return new Reader(blob).text();
}

/** "SHA256:…" over the blob, as `ssh-keygen -l` prints it. A certificate is identified by the key inside it. */
export function fingerprint(blob: Uint8Array): string {
  return `SHA256:${createHash("sha256").update(blob).digest("base64").replace(/=+$/, "")}`;
}

/**
 * Parses "type base64 comment". The type must be the one inside the blob. Options before the type are
 * refused: a line with options means less than the key alone. Throws `malformed`. What is inside the blob is
 * for {@link decodePublicKey} or parseCertificate to check.
 */
export function parseAuthorizedKey(line: string): AuthorizedKey {
  const [type = "", encoded = "", ...comment] = line.trim().split(/[ \t]+/);
  const blob = new Uint8Array(Buffer.from(encoded, "base64"));
  if (blob.length === 0 || Buffer.from(blob).toString("base64") !== encoded) {
    throw new Fault("malformed", "the line is not an SSH public key", {
      hint: 'a public key line reads "ssh-ed25519 AAAA… comment", as in a .pub file',
    });
  }
  if (blobTypeOf(blob) !== type) {
    throw new Fault("malformed", "the type of the SSH public key is not the one inside it");
  }
  return { type, blob, comment: comment.join(" ") };
}

/** Formats a key or certificate blob as "type base64 comment", always one line, without its end. */
export function formatAuthorizedKey(blob: Uint8Array, comment = ""): string {
  const line = `${blobTypeOf(blob)} ${buffer(blob).toString("base64")}`;
  return `${line} ${comment.replace(/[\s\p{Cc}]+/gu, " ")}`.trim();
}
