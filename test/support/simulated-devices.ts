/**
 * Simulated devices: software keys behind the device port, for systems that no test machine has. They show that the
 * server serves the ceremonies of macOS and Windows, and prove nothing about hardware.
 */
import { generateKeyPairSync, type KeyObject, randomUUID } from "node:crypto";
import type { DeviceAuthenticator, EnrollCredential } from "#client/device/authenticator.ts";
import { signChallenge } from "#devicetrust/challenge-signature.ts";
import type {
  AuthenticateChallenge,
  DeviceProof,
  EnrollChallenge,
  EnrollResponse,
  OsType,
  PlatformParameters,
} from "#devicetrust/messages.ts";
import { parseAttestationKey } from "#tpm/attestation-key.ts";
import { algorithm, findHash } from "#tpm/constants.ts";
import { credentialIdOf } from "#tpm/credential-id.ts";
import { claimForm, type SizedEncryptedSecret, type SizedIdObject } from "#tpm/forms.ts";
import type { QuoteEvidence } from "#tpm/quote.ts";
import { spkiOf } from "./device-ceremony.ts";
import { digestsOf, encodeEventLog, type TestEvent } from "./event-log.ts";
import { SimulatedTpm, type SimulatedTpmOptions } from "./simulated-tpm.ts";

/** A "Secure Enclave" in software: one P-256 key. */
export class SimulatedAppleDevice implements DeviceAuthenticator {
  readonly kind = "simulated";
  readonly osType: OsType;
  readonly credentialId = randomUUID();
  readonly publicKey: KeyObject;
  readonly #privateKey: KeyObject;

  constructor(osType: OsType = "macos") {
    this.osType = osType;
    const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
    this.publicKey = pair.publicKey;
    this.#privateKey = pair.privateKey;
  }

  async enrollInit(): Promise<EnrollCredential> {
    const macos = { publicKeyDer: spkiOf(this.publicKey) };
    return { credentialId: this.credentialId, macos };
  }

  async solveEnroll(challenge: EnrollChallenge): Promise<EnrollResponse> {
    return this.#sign(challenge);
  }

  async check(): Promise<void> {}

  async findCredentialId(): Promise<string> {
    return this.credentialId;
  }

  async authenticate(challenge: AuthenticateChallenge): Promise<DeviceProof> {
    return this.#sign(challenge);
  }

  async close(): Promise<void> {}

  #sign(challenge: EnrollChallenge | AuthenticateChallenge): DeviceProof & { kind: "key" } {
    const bytes = challenge.kind === "key" ? challenge.challenge : new Uint8Array(0);
    return { kind: "key", signature: signChallenge(this.#privateKey, bytes) };
  }
}

/** A device on a simulated TPM that sends a bare endorsement key, as Windows does without administrator rights. */
export class SimulatedTpmDevice implements DeviceAuthenticator {
  readonly kind = "simulated";
  readonly osType: OsType;
  readonly tpm: SimulatedTpm;
  /** What the device sends as its event log. */
  eventLog: Uint8Array = new Uint8Array(0);

  constructor(osType: OsType, options: SimulatedTpmOptions = {}) {
    this.osType = osType;
    this.tpm = new SimulatedTpm(options);
  }

  async enrollInit(): Promise<EnrollCredential> {
    return {
      credentialId: await this.findCredentialId(),
      tpm: {
        ekKey: this.tpm.endorsementSpki,
        attestationParameters: this.tpm.attestationParameters(),
      },
    };
  }

  async solveEnroll(challenge: EnrollChallenge): Promise<EnrollResponse & { kind: "tpm" }> {
    if (challenge.kind !== "tpm") throw new TypeError("not a TPM challenge");
    const { credentialBlob, secret } = challenge.encryptedCredential;
    const credential = {
      credentialBlob: claimForm<SizedIdObject>(credentialBlob),
      secret: claimForm<SizedEncryptedSecret>(secret),
    };
    return {
      kind: "tpm",
      solution: this.tpm.activate(credential) ?? new Uint8Array(0),
      platformParameters: this.#quote(challenge.attestationNonce),
    };
  }

  async check(): Promise<void> {}

  async findCredentialId(): Promise<string> {
    return credentialIdOf(parseAttestationKey(this.tpm.public, { allowSha1: true }));
  }

  async authenticate(challenge: AuthenticateChallenge): Promise<DeviceProof & { kind: "tpm" }> {
    if (challenge.kind !== "tpm") throw new TypeError("not a TPM challenge");
    return { kind: "tpm", platformParameters: this.#quote(challenge.attestationNonce) };
  }

  async close(): Promise<void> {}

  /** Starts the machine anew: its firmware measures these events and logs them. */
  boot(events: readonly TestEvent[]): void {
    this.tpm.pcrs.clear();
    for (const event of events) {
      for (const [hash, digest] of digestsOf(event)) this.tpm.extend(hash, event.pcr, digest);
    }
    this.eventLog = encodeEventLog(events);
  }

  #quote(nonce: Uint8Array): PlatformParameters {
    const evidence = this.tpm.evidence(nonce, [algorithm.sha1, algorithm.sha256]);
    return { ...toPlatformParameters(evidence), eventLog: this.eventLog };
  }
}

/** Evidence in the shape of the protocol's messages. */
export function toPlatformParameters({ quotes, pcrs }: QuoteEvidence): PlatformParameters {
  return {
    quotes,
    pcrs: pcrs.map(({ index, hash, digest }) => {
      return { index, digest, digestAlg: BigInt(findHash(hash)?.apiNumber ?? 0) };
    }),
    eventLog: new Uint8Array(0),
  };
}
