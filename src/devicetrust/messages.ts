/**
 * The messages of package teleport.devicetrust.v1 as plain shapes: what the ceremonies read and write. Text that the
 * peer left out is the empty string, as in proto3. The generated types are converted at the edge, not here.
 */

/** Operating systems, as resources spell them. */
export type OsType = "linux" | "macos" | "windows" | "ios" | "ipados";

/** What the client says about its machine. Self-reported: only the credential proves anything. */
export interface CollectedData {
  readonly collectTime?: Date | undefined;
  /** Set by the server. */
  readonly recordTime?: Date | undefined;
  readonly osType: OsType | undefined;
  readonly serialNumber: string;
  readonly modelIdentifier: string;
  readonly osVersion: string;
  readonly osBuild: string;
  readonly osUsername: string;
  readonly jamfBinaryVersion: string;
  readonly macosEnrollmentProfiles: string;
  readonly reportedAssetTag: string;
  readonly systemSerialNumber: string;
  readonly baseBoardSerialNumber: string;
  readonly osId: string;
  readonly osLoginUser: string;
  /** Set by the server; refused from a client. */
  readonly tpmPlatformAttestation?: PlatformAttestation | undefined;
}

/** A quote and its signature: TPMS_ATTEST and TPMT_SIGNATURE, without sizes. */
export interface PlatformQuote {
  readonly quote: Uint8Array;
  readonly signature: Uint8Array;
}

/** A PCR value. `digestAlg` is Go's `crypto.Hash` number (SHA-1 3, SHA-256 5), not a TPM_ALG_ID. */
export interface PlatformPcr {
  readonly index: number;
  readonly digest: Uint8Array;
  readonly digestAlg: bigint;
}

/** The TPM's answer about the state of the platform. */
export interface PlatformParameters {
  readonly quotes: readonly PlatformQuote[];
  readonly pcrs: readonly PlatformPcr[];
  /** Empty where the client may not read the log. */
  readonly eventLog: Uint8Array;
}

/** What the server keeps of a verified answer. */
export interface PlatformAttestation {
  readonly nonce: Uint8Array;
  readonly platformParameters: PlatformParameters;
}

/** About the attestation key; no part has a size in front. */
export interface TpmAttestationParameters {
  readonly public: Uint8Array;
  readonly createData: Uint8Array;
  readonly createAttestation: Uint8Array;
  readonly createSignature: Uint8Array;
}

/** Exactly one of `ekCert` (X.509, DER) and `ekKey` (PKIX, DER). */
export interface TpmEnrollPayload {
  readonly ekCert?: Uint8Array | undefined;
  readonly ekKey?: Uint8Array | undefined;
  readonly attestationParameters: TpmAttestationParameters | undefined;
}

/** The first message of an enrollment: one of `macos` and `tpm`. */
export interface EnrollInit {
  readonly token: string;
  readonly credentialId: string;
  readonly deviceData: CollectedData | undefined;
  readonly macos?: { readonly publicKeyDer: Uint8Array } | undefined;
  readonly tpm?: TpmEnrollPayload | undefined;
}

/** Challenge to a bare key (Secure Enclave). */
export interface KeyChallenge {
  readonly kind: "key";
  readonly challenge: Uint8Array;
}

/** Challenge to a TPM at enrollment. Both parts of the credential carry their 16-bit sizes. */
export interface TpmEnrollChallenge {
  readonly kind: "tpm";
  readonly encryptedCredential: {
    readonly credentialBlob: Uint8Array;
    readonly secret: Uint8Array;
  };
  readonly attestationNonce: Uint8Array;
}

/** Challenge to a TPM at authentication. */
export interface TpmAuthenticateChallenge {
  readonly kind: "tpm";
  readonly attestationNonce: Uint8Array;
}

export type EnrollChallenge = KeyChallenge | TpmEnrollChallenge;
export type AuthenticateChallenge = KeyChallenge | TpmAuthenticateChallenge;

/** A bare key's answer: an ECDSA signature in DER over SHA-256 of the challenge. */
export interface KeyResponse {
  readonly kind: "key";
  readonly signature: Uint8Array;
}

/** A TPM's answer at enrollment. */
export interface TpmEnrollResponse {
  readonly kind: "tpm";
  readonly solution: Uint8Array;
  readonly platformParameters: PlatformParameters | undefined;
}

/** A TPM's answer at authentication. */
export interface TpmAuthenticateResponse {
  readonly kind: "tpm";
  readonly platformParameters: PlatformParameters | undefined;
}

export type EnrollResponse = KeyResponse | TpmEnrollResponse;

/** The device's proof at authentication, before the SSH key's signature is added. */
export type DeviceProof = KeyResponse | TpmAuthenticateResponse;

/** The device's proof, with the signature of the SSH key over the same challenge (empty when it is the TLS key). */
export type AuthenticateResponse = DeviceProof & { readonly sshSignature: Uint8Array };

/** The first message of an authentication; certificates and web tokens stay with the caller. */
export interface AuthenticateInit {
  readonly credentialId: string;
  readonly deviceData: CollectedData | undefined;
}

/** How much the server knows about where the key lives. */
export type DeviceAttestationType =
  | "unspecified"
  | "tpm_ekpub"
  | "tpm_ekcert"
  | "tpm_ekcert_trusted";

/** What an enrolled device is known by. */
export interface DeviceCredential {
  readonly id: string;
  /** PKIX; empty for TPM devices. */
  readonly publicKeyDer: Uint8Array;
  readonly deviceAttestationType: DeviceAttestationType;
  /** Lower-case hexadecimal pairs joined by ":"; empty without a certificate. */
  readonly tpmEkcertSerial: string;
  /** TPMT_PUBLIC; empty for Apple devices. */
  readonly tpmAkPublic: Uint8Array;
}
