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

/** The part of the first message of an enrolment that describes the device's key. */
export type EnrollCredential = Pick<EnrollInit, "credentialId" | "macos" | "tpm">;

/** Holds the device's key. All methods throw `environment` with a hint when the hardware fails. */
export interface DeviceAuthenticator {
  /** `simulated` is for tests: a key in software. */
  readonly kind: "tpm" | "secure-enclave" | "simulated";
  readonly osType: OsType;
  /** Makes the key, or takes the one from an earlier enrolment, and describes it. */
  enrollInit(): Promise<EnrollCredential>;
  /** Answers the challenge of an enrolment. */
  solveEnroll(challenge: EnrollChallenge): Promise<EnrollResponse>;
  /** Id of the key from an earlier enrolment; undefined when there is none. Does not touch the hardware. */
  findCredentialId(): Promise<string | undefined>;
  /** Answers the challenge of an authentication. */
  authenticate(challenge: AuthenticateChallenge): Promise<DeviceProof>;
  close(): Promise<void>;
}
