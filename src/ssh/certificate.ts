/**
 * OpenSSH certificates (OpenSSH PROTOCOL.certkeys): reading and issuing, for users and for hosts.
 *
 * Reading is strict and proves nothing: the signature, the authority, the dates and the principal are
 * checked by certificate-check.ts, and nobody may act on a certificate before that.
 */
import { Fault } from "#base/fault.ts";
import type { Random } from "#base/random.ts";
import { algorithmsOf, certificateTypeOf, keyTypeOfCertificate } from "./algorithms.ts";
import { blobTypeOf, decodePublicKey, type PublicKey, readKeyFields } from "./public-key.ts";
import type { SyncSigner } from "./signer.ts";
import { Reader, Writer } from "./wire.ts";

/** What a certificate is for. */
export type CertificateType = "user" | "host";

/** A certificate as its bytes say. Not yet trusted. */
export interface Certificate {
  readonly blob: Uint8Array;
  /** The plain key that the holder proves. */
  readonly key: PublicKey;
  readonly type: CertificateType;
  readonly serial: bigint;
  readonly keyId: string;
  readonly principals: readonly string[];
  /** Seconds since 1970. Valid from this second on. */
  readonly validAfter: bigint;
  /** Seconds since 1970. No longer valid at this second; {@link forever} for no end. */
  readonly validBefore: bigint;
  readonly criticalOptions: ReadonlyMap<string, string>;
  readonly extensions: ReadonlyMap<string, string>;
  /** The plain public key blob of the authority. */
  readonly authority: Uint8Array;
  /** The bytes that the authority signed. */
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
}

/** What {@link issueCertificate} puts into a certificate. */
export interface CertificateRequest {
  readonly type: CertificateType;
  /** The plain public key blob of the holder. */
  readonly publicKey: Uint8Array;
  readonly serial: bigint;
  readonly keyId: string;
  readonly principals: readonly string[];
  readonly validAfter: Date;
  readonly validBefore: Date;
  /** Names and values that a verifier must understand. */
  readonly criticalOptions?: Readonly<Record<string, string>>;
  /** Names and values that a verifier may ignore. An empty value is a flag, such as `permit-pty`. */
  readonly extensions?: Readonly<Record<string, string>>;
}

/** The end of validity that means "never" (2^64 - 1). */
export const forever = 0xffff_ffff_ffff_ffffn;

const typeNumbers = { user: 1, host: 2 } as const;
const nonceLength = 32;

/** Bounds on what a peer may send. Real certificates stay far below. */
const limits = { blob: 65_536, principals: 256, options: 256 };

/**
 * Parses a certificate blob. Throws `malformed`: trailing bytes, unsorted or repeated options, an authority
 * that is itself a certificate; and `invalid` for key types that are not supported.
 */
export function parseCertificate(blob: Uint8Array): Certificate {
  if (blob.length > limits.blob) throw new Fault("malformed", "the SSH certificate is too long");
  const reader = new Reader(blob);
  const keyType = keyTypeOfCertificate(reader.text());
  if (keyType === undefined) throw new Fault("malformed", "the key is not an SSH certificate");
  reader.string(); // The nonce only keeps the authority from signing chosen bytes.
  const keyStart = reader.offset;
  readKeyFields(keyType, reader);
  const keyFields = blob.subarray(keyStart, reader.offset);
  const serial = reader.uint64();
  const typeNumber = reader.uint32();
  const keyId = reader.text();
  const principals = readPrincipals(reader.string());
  const validAfter = reader.uint64();
  const validBefore = reader.uint64();
  const criticalOptions = readOptions(reader.string());
  const extensions = readOptions(reader.string());
  reader.string(); // Reserved: ignored by the standard.
  const authority = reader.string();
  const signed = blob.subarray(0, reader.offset);
  const signature = reader.string();
  reader.end();
  if (typeNumber !== typeNumbers.user && typeNumber !== typeNumbers.host) {
    throw new Fault("malformed", "the SSH certificate is neither for a user nor for a host");
  }
  assertPlainKey(authority);
  return {
    blob,
    key: decodePublicKey(new Writer().string(keyType).bytes(keyFields).done()),
    type: typeNumber === typeNumbers.user ? "user" : "host",
    ...{ serial, keyId, principals, validAfter, validBefore, criticalOptions, extensions },
    ...{ authority, signed, signature },
  };
}

/**
 * Issues a certificate, signed by `authority`, and returns its blob. Options and extensions are sorted.
 *
 * Throws `invalid` for no principals, principals that could be split or cut short (empty, or holding a
 * comma, space, NUL or line end: CVE-2026-35414), a validity that is empty, or a key that is not plain.
 */
export function issueCertificate(
  request: CertificateRequest,
  authority: SyncSigner,
  random: Random,
): Uint8Array {
  assertPrincipals(request.principals);
  const validAfter = seconds(request.validAfter);
  const validBefore = seconds(request.validBefore);
  if (validBefore <= validAfter) {
    throw new Fault("invalid", "an SSH certificate must end after it begins");
  }
  if (request.serial < 0n || request.serial > forever) {
    throw new Fault("invalid", "the serial number of an SSH certificate has 64 bit");
  }
  const holder = assertPlainKey(request.publicKey);
  const algorithms = algorithmsOf(blobTypeOf(authority.publicKey));
  const algorithm = algorithms.find((row) => !row.certificate)?.signature;
  if (algorithm === undefined) throw new Fault("invalid", "the authority's key is not a plain key");
  const writer = new Writer(1024)
    .string(certificateTypeOf(holder.type))
    .string(random(nonceLength))
    .bytes(holder.fields)
    .uint64(request.serial)
    .uint32(typeNumbers[request.type])
    .string(request.keyId)
    .nested((inner) => request.principals.forEach((name) => void inner.string(name)))
    .uint64(validAfter)
    .uint64(validBefore)
    .nested((inner) => writeOptions(inner, request.criticalOptions))
    .nested((inner) => writeOptions(inner, request.extensions))
    .string("")
    .string(authority.publicKey);
  return writer.string(authority.sign(writer.done(), algorithm)).done();
}

function readPrincipals(bytes: Uint8Array): string[] {
  const reader = new Reader(bytes);
  const principals: string[] = [];
  while (reader.left > 0) {
    if (principals.length === limits.principals) {
      throw new Fault("malformed", "the SSH certificate has too many principals");
    }
    principals.push(reader.text());
  }
  return principals;
}

/** Names ascend and never repeat; data is empty, or holds exactly one string. */
function readOptions(bytes: Uint8Array): Map<string, string> {
  const reader = new Reader(bytes);
  const options = new Map<string, string>();
  let previous: string | undefined;
  while (reader.left > 0) {
    if (options.size === limits.options) {
      throw new Fault("malformed", "the SSH certificate has too many options");
    }
    const name = reader.text();
    if (previous !== undefined && Buffer.compare(Buffer.from(previous), Buffer.from(name)) >= 0) {
      throw new Fault("malformed", "the options of the SSH certificate are not in order");
    }
    previous = name;
    const data = new Reader(reader.string());
    const value = data.left === 0 ? "" : data.text();
    data.end();
    options.set(name, value);
  }
  return options;
}

function writeOptions(writer: Writer, options: Readonly<Record<string, string>> = {}): void {
  for (const name of Object.keys(options).sort()) {
    if (!/^[!-~]+$/.test(name)) {
      throw new Fault("invalid", `${JSON.stringify(name)} cannot name an SSH certificate option`);
    }
    const value = options[name] ?? "";
    writer.string(name);
    if (value === "") writer.string("");
    else writer.nested((inner) => inner.string(value));
  }
}

/** Checks the form of a plain key without the cost of importing it. */
function assertPlainKey(blob: Uint8Array): { type: string; fields: Uint8Array } {
  const reader = new Reader(blob);
  const type = reader.text();
  if (keyTypeOfCertificate(type) !== undefined) {
    throw new Fault("malformed", "a certificate stands where a plain SSH key must be");
  }
  const start = reader.offset;
  readKeyFields(type, reader);
  reader.end();
  return { type, fields: blob.subarray(start) };
}

function assertPrincipals(principals: readonly string[]): void {
  if (principals.length === 0 || principals.length > limits.principals) {
    throw new Fault("invalid", `an SSH certificate has 1 to ${limits.principals} principals`);
  }
  for (const principal of principals) {
    if (principal === "" || /[,\s\p{Cc}]/u.test(principal)) {
      throw new Fault("invalid", `${JSON.stringify(principal)} cannot be an SSH principal`, {
        hint: "use a name without commas, spaces and control characters",
      });
    }
  }
}

function seconds(date: Date): bigint {
  const value = Math.floor(date.getTime() / 1000);
  if (!(value >= 0)) throw new Fault("invalid", "the validity of an SSH certificate is not a date");
  return BigInt(value);
}
