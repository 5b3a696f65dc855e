/**
 * Recognises the bytes that SSH user authentication signs (RFC 4252 section 7, OpenSSH PROTOCOL 3.1 for the
 * host-bound form). The agent signs nothing else: a caller cannot have it sign a device challenge, a commit or a
 * certificate with the key that stands for an authenticated device.
 */

import { sameBytes } from "#base/bytes.ts";
import { isFault } from "#base/fault.ts";
import { Reader } from "#ssh/wire.ts";

const userAuthRequest = 50;
const methods = new Set(["publickey", "publickey-hostbound-v00@openssh.com"]);

/** True when `data` is a user authentication request, signed over, for exactly this key or certificate blob. */
export function isUserAuthRequest(data: Uint8Array, blob: Uint8Array): boolean {
  try {
    const reader = new Reader(data);
    const session = reader.string();
    const message = reader.byte();
    reader.text();
    const service = reader.text();
    const method = reader.text();
    const signed = reader.byte();
    reader.text();
    const key = reader.string();
    if (method === "publickey-hostbound-v00@openssh.com") reader.string();
    reader.end();
    return (
      session.length >= 20 &&
      session.length <= 64 &&
      message === userAuthRequest &&
      service === "ssh-connection" &&
      methods.has(method) &&
      signed === 1 &&
      sameBytes(key, blob)
    );
  } catch (error) {
    if (isFault(error, "malformed")) return false;
    throw error;
  }
}
