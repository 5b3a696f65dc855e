/**
 * Time-based one-time codes (RFC 6238: SHA-1, six digits, 30 seconds), as every authenticator app makes them.
 * A code is accepted one period early or late, and never twice.
 */
import { Secret as OtpSecret, TOTP } from "otpauth";
import { Fault } from "#base/fault.ts";
import type { Random } from "#base/random.ts";
import { uuid } from "#base/random.ts";

/** The parameters of every code: those that all authenticator apps can. */
export const totpParameters = { period: 30, digits: 6, algorithm: "SHA1" } as const;

/** A registered authenticator app. `lastCounter` is the newest period whose code was spent. */
export interface TotpDevice {
  readonly type: "totp";
  readonly id: string;
  readonly name: string;
  /** Base32, RFC 4648 section 6. */
  readonly secret: string;
  readonly addedAt: string;
  readonly lastUsed: string;
  readonly lastCounter: number;
}

/** A new device with a 20-byte secret. */
export function createTotpDevice(name: string, now: Date, random: Random): TotpDevice {
  const secret = new OtpSecret({ buffer: new Uint8Array(random(20)).buffer }).base32;
  const time = now.toISOString();
  return {
    type: "totp",
    id: uuid(random),
    name,
    secret,
    addedAt: time,
    lastUsed: time,
    lastCounter: 0,
  };
}

/** The `otpauth://` address that an authenticator app reads, from a QR code or pasted. */
export function totpUrl(device: TotpDevice, user: string, cluster: string): string {
  return generator(device, user, cluster).toString();
}

/**
 * Spends a code: the device with its marks moved on when the code is right and unspent, undefined otherwise.
 * The caller stores the result before it grants anything.
 */
export function spendTotpCode(device: TotpDevice, code: string, now: Date): TotpDevice | undefined {
  if (!/^\d{6}$/.test(code)) return undefined;
  const timestamp = now.getTime();
  const delta = generator(device, "", "").validate({ token: code, timestamp, window: 1 });
  if (delta === null) return undefined;
  const counter = Math.floor(timestamp / 1000 / totpParameters.period) + delta;
  if (counter <= device.lastCounter) return undefined;
  return { ...device, lastUsed: now.toISOString(), lastCounter: counter };
}

function generator(device: TotpDevice, user: string, cluster: string): TOTP {
  try {
    const secret = OtpSecret.fromBase32(device.secret);
    return new TOTP({ issuer: cluster, label: user, secret, ...totpParameters });
  } catch (cause) {
    throw new Fault("internal", "a stored one-time-code secret cannot be read", { cause });
  }
}
