/**
 * The credential id that the public API derives from an attestation key. The server recomputes it and never trusts
 * the one that a client sends.
 */
import { createHash } from "node:crypto";
import { base64 } from "#base/bytes.ts";
import type { AttestationKey } from "./attestation-key.ts";
import { findCurve } from "./constants.ts";
import { padLeft } from "./public-area.ts";

/**
 * RSA: SHA-256 of the exponent (010001) and the modulus. Elliptic curves, which the public API does not define:
 * SHA-256 of the uncompressed point. Both in standard base64 without padding: 43 characters.
 */
export function credentialIdOf({ area }: Pick<AttestationKey, "area">): string {
  const digest = createHash("sha256");
  if (area.kind === "rsa") {
    digest.update(Uint8Array.of(1, 0, 1)).update(area.modulus);
  } else {
    const size = findCurve(area.curve)?.size ?? 0;
    digest.update(Uint8Array.of(4)).update(padLeft(area.x, size)).update(padLeft(area.y, size));
  }
  return base64(digest.digest()).replace(/=+$/, "");
}
