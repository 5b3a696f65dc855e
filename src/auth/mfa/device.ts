/**
 * The second factors of people: authenticator apps (`totp.ts`) and WebAuthn authenticators (`webauthn.ts`). Each has an
 * id that certificates and events name, and a name that its owner chose, unique among their own.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Fault } from "#base/fault.ts";
import { showable } from "#base/showable.ts";
import type { MFADeviceSchema } from "#gen/types/mfa_pb.ts";
import type { TotpDevice } from "../users/totp.ts";

/** A WebAuthn authenticator: the public key of one credential (W3C WebAuthn Level 2, section 4). */
export interface WebauthnDevice {
  readonly type: "webauthn";
  readonly id: string;
  readonly name: string;
  readonly addedAt: string;
  readonly lastUsed: string;
  /** Base64url. */
  readonly credentialId: string;
  /** COSE key (RFC 9052 section 7), base64url. */
  readonly publicKey: string;
  /** The newest signature counter; zero for authenticators that do not count. */
  readonly counter: number;
  /** The relying party that the credential belongs to. */
  readonly rpId: string;
  readonly aaguid: string;
  readonly attestationFormat: string;
  readonly backupEligible: boolean;
  readonly backedUp: boolean;
}

/** A registered second factor. */
export type MfaDevice = TotpDevice | WebauthnDevice;

/** The type in the words of listings and events of the public API. */
export function mfaTypeOf(device: Pick<MfaDevice, "type">): "TOTP" | "WebAuthn" {
  return device.type === "totp" ? "TOTP" : "WebAuthn";
}

/** Bound of the public API. */
const longestName = 30;

/** Checks the name of a new device. Throws `invalid`. */
export function assertDeviceName(name: string): void {
  if (name.trim() === "" || name !== name.trim()) {
    throw new Fault("invalid", "a second factor needs a name without spaces around it");
  }
  if (
    name.length > longestName ||
    !name.isWellFormed() ||
    /\s/.test(name.replaceAll(" ", "")) ||
    showable(name) !== name
  ) {
    throw new Fault("invalid", `device name must be ${longestName} printable characters or less`);
  }
}

/** The device as the public API lists it. Secrets and public keys are no part of it. */
export function mfaDeviceMessage(device: MfaDevice): MessageInitShape<typeof MFADeviceSchema> {
  const { id, name, addedAt, lastUsed } = device;
  return {
    kind: "mfa_device",
    subKind: mfaTypeOf(device),
    version: "v1",
    metadata: { Name: name, Namespace: "default" },
    id,
    addedAt: timestampFromDate(new Date(addedAt)),
    lastUsed: timestampFromDate(new Date(lastUsed)),
    device:
      device.type === "totp"
        ? { case: "totp" as const, value: {} }
        : {
            case: "webauthn" as const,
            value: {
              credentialId: new Uint8Array(Buffer.from(device.credentialId, "base64url")),
              signatureCounter: device.counter,
              attestationType: device.attestationFormat,
              credentialRpId: device.rpId,
            },
          },
  };
}
