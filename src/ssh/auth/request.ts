/** What both sides of public key authentication share (RFC 4252 section 7). */
import { Fault } from "#base/fault.ts";
import { findAlgorithm } from "../algorithms.ts";
import { type Certificate, parseCertificate } from "../certificate.ts";
import type { Value } from "../layout.ts";
import { authRequest, keyProof, keyQuery, signedRequest } from "../messages/auth.ts";
import { blobTypeOf, decodePublicKey, type PublicKey } from "../public-key.ts";

export const authService = "ssh-userauth";
export const connectionService = "ssh-connection";
export const publicKeyMethod = "publickey";

/** A key or certificate that a client offers. */
export interface OfferedKey {
  /** The plain key: the one that has to sign. */
  readonly key: PublicKey;
  /** Set if the client offers a certificate. It is read, not checked. */
  readonly certificate?: Certificate;
}

/** Decodes the blob of an algorithm. Throws `malformed` or `invalid`, also for a blob of another type. */
export function decodeOffer(algorithm: string, blob: Uint8Array): OfferedKey {
  const row = findAlgorithm(algorithm);
  if (row === undefined) throw new Fault("invalid", "the public key algorithm is not supported");
  if (blobTypeOf(blob) !== row.blobType) {
    throw new Fault("malformed", "the public key is not of the type of its algorithm");
  }
  if (!row.certificate) return { key: decodePublicKey(blob) };
  const certificate = parseCertificate(blob);
  return { key: certificate.key, certificate };
}

/** The bytes that a client signs: the session id, and its request up to the blob. */
export function bytesToSign(
  sessionId: Uint8Array,
  user: string,
  query: Value<typeof keyQuery>,
): Uint8Array {
  return signedRequest.encode({ sessionId, request: encodeRequest(user, keyQuery.encode(query)) });
}

/** A request with the method `publickey`. */
export function encodeRequest(user: string, rest: Uint8Array): Uint8Array {
  return authRequest.encode({ user, service: connectionService, method: publicKeyMethod, rest });
}

/** The method's part of a request, with a signature or without. */
export function decodeMethod(
  rest: Uint8Array,
): Value<typeof keyQuery> & { readonly signature?: Uint8Array } {
  return rest[0] === 0 ? keyQuery.decode(rest) : keyProof.decode(rest);
}
