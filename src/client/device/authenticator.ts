/**
 * The device's side of the ceremonies, whatever holds its key. Carries the answers only: streams, certificates and
 * collected data are the caller's.
 */
import type {
  AuthenticateChallenge,
  DeviceProof,
  EnrollChallenge,
  EnrollInit,
  EnrollResponse,
  OsType,
} from "#devicetrust/messages.ts";
import type { EpochBook } from "./epoch-file.ts";

/** The part of the first message of an enrollment that describes the device's key. */
export type EnrollCredential = Pick<EnrollInit, "credentialId" | "macos" | "tpm">;

/** Holds the device's key. All methods throw `environment` with a hint when the hardware fails. */
export interface DeviceAuthenticator {
  /** `simulated` is for tests: a key in software. */
  readonly kind: "tpm" | "secure-enclave" | "simulated";
  readonly osType: OsType;
  /** What is shown beside the key, so that a copy of the device is found. */
  readonly epochs?: EpochBook | undefined;
  /** Makes the key, or takes the one from an earlier enrollment unless `fresh` is demanded, and describes it. */
  enrollInit(options?: { readonly fresh?: boolean }): Promise<EnrollCredential>;
  /** Answers the challenge of an enrollment. */
  solveEnroll(challenge: EnrollChallenge): Promise<EnrollResponse>;
  /** Id of the key from an earlier enrollment; undefined when there is none. Does not touch the hardware. */
  findCredentialId(): Promise<string | undefined>;
  /**
   * Throws why the key cannot be used now: there is no hardware, or it is not the one that made the key. Without a key of
   * an earlier enrollment the hardware alone is asked. Changes nothing.
   */
  check(): Promise<void>;
  /** Answers the challenge of an authentication. */
  authenticate(challenge: AuthenticateChallenge): Promise<DeviceProof>;
  close(): Promise<void>;
}
