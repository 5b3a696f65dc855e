/** A device whose owner forges one part of the evidence that it sends. Simulated: its TPM is software. */
import type { DeviceAuthenticator, EnrollCredential } from "#client/device/authenticator.ts";
import type {
  AuthenticateChallenge,
  DeviceProof,
  EnrollChallenge,
  EnrollResponse,
  PlatformParameters,
  TpmEnrollPayload,
} from "#devicetrust/messages.ts";
import { createTestIssuer, issueTestCertificate } from "../endorsement-certificates.ts";
import { SimulatedTpmDevice } from "../simulated-devices.ts";
import { honestBoot } from "./event-logs.ts";
import type { Forgery, Means } from "./forgery.ts";

const endorsementUsage = "2.23.133.8.1";

/** The authority that a cluster must list for the device, and its certificate. */
export function createListedMaker() {
  const issuer = createTestIssuer("Listed");
  const certificate = issueTestCertificate({
    ...{ issuer, subject: "Listed", spki: issuer.spki, isAuthority: true },
  });
  return { issuer, certificate };
}

/** What is forged; nothing in an honest device. */
export interface Forged {
  readonly keys?: Forgery<TpmEnrollPayload>;
  readonly solution?: Forgery<Uint8Array>;
  readonly platform?: Forgery<PlatformParameters>;
}

/** See above. */
export class ForgingDevice implements DeviceAuthenticator {
  readonly kind = "simulated";
  readonly osType = "linux";
  readonly device = new SimulatedTpmDevice("linux");
  /** What it forges from now on. */
  forged: Forged = {};
  readonly #certify: Means["certify"];

  constructor({ issuer }: ReturnType<typeof createListedMaker>) {
    this.device.boot(honestBoot);
    const usages = [endorsementUsage];
    const spki = this.device.tpm.endorsementSpki;
    this.#certify = (changes) => issueTestCertificate({ issuer, spki, usages, ...changes });
  }

  async enrollInit(): Promise<EnrollCredential> {
    const { credentialId, tpm: sent } = await this.device.enrollInit();
    if (sent === undefined) throw new TypeError("the device has a TPM");
    const { attestationParameters } = sent;
    const honest = { attestationParameters, ekCert: this.#certify({}) };
    const { keys } = this.forged;
    return { credentialId, tpm: keys ? keys.forge(honest, this.#means()) : honest };
  }

  async solveEnroll(challenge: EnrollChallenge): Promise<EnrollResponse> {
    const answer = await this.device.solveEnroll(challenge);
    const { solution } = this.forged;
    return {
      ...answer,
      solution: solution ? solution.forge(answer.solution, this.#means()) : answer.solution,
      platformParameters: this.#forgePlatform(answer.platformParameters, challenge),
    };
  }

  async check(): Promise<void> {}

  findCredentialId(): Promise<string> {
    return this.device.findCredentialId();
  }

  async authenticate(challenge: AuthenticateChallenge): Promise<DeviceProof> {
    const answer = await this.device.authenticate(challenge);
    const platformParameters = this.#forgePlatform(answer.platformParameters, challenge);
    return { ...answer, platformParameters };
  }

  async close(): Promise<void> {}

  #forgePlatform(
    honest: PlatformParameters | undefined,
    challenge: EnrollChallenge | AuthenticateChallenge,
  ): PlatformParameters | undefined {
    const { platform } = this.forged;
    if (platform === undefined || honest === undefined || challenge.kind !== "tpm") return honest;
    return platform.forge(honest, this.#means(challenge.attestationNonce));
  }

  #means(nonce: Uint8Array = new Uint8Array(32)): Means {
    return { tpm: this.device.tpm, nonce, certify: this.#certify };
  }
}
