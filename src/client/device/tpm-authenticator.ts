/**
 * The device's key in a TPM 2.0: a restricted P-256 attestation key under the storage root key (TCG TPM 2.0 Library).
 * Enrollment proves by credential activation that it sits beside the endorsement key; every later login is one quote.
 */
import { createHash } from "node:crypto";
import { sameBytes } from "#base/bytes.ts";
import { Fault } from "#base/fault.ts";
import type { Random } from "#base/random.ts";
import type {
  AuthenticateChallenge,
  DeviceProof,
  EnrollChallenge,
  EnrollResponse,
  OsType,
  PlatformParameters,
} from "#devicetrust/messages.ts";
import { decodeAttest } from "#tpm/attest.ts";
import { parseAttestationKey } from "#tpm/attestation-key.ts";
import type { TpmClient } from "#tpm/client.ts";
import { certifyCreation, quotePcrs } from "#tpm/commands/attestation.ts";
import { createKey, loadKey } from "#tpm/commands/keys.ts";
import {
  activateCredential,
  assertEndorsementPolicy,
  startPolicySession,
} from "#tpm/commands/sessions.ts";
import { algorithm, findHash } from "#tpm/constants.ts";
import { credentialIdOf } from "#tpm/credential-id.ts";
import { claimForm, type SizedEncryptedSecret, type SizedIdObject } from "#tpm/forms.ts";
import { allPcrs } from "#tpm/pcr-selection.ts";
import type { PcrValue, Quote } from "#tpm/quote.ts";
import { isTpmFault, responseCode } from "#tpm/response-code.ts";
import { attestationKeyTemplate } from "#tpm/templates.ts";
import {
  findTpmCredential,
  readAttestationKey,
  type StoredAttestationKey,
  writeAttestationKey,
} from "./attestation-key-file.ts";
import type { DeviceAuthenticator, EnrollCredential } from "./authenticator.ts";
import type { EpochBook } from "./epoch-file.ts";
import { type EventLogPlace, readEventLogOf } from "./event-log.ts";
import { openTpm, type TpmPort } from "./open-tpm.ts";
import { findPcrBanks } from "./pcr-banks.ts";
import { withEndorsementKey, withStorageRoot } from "./tpm-keys.ts";

/** What the authenticator needs from its surroundings. */
export interface TpmAuthenticatorOptions extends TpmPort, EventLogPlace {
  /** "linux" when not given. */
  readonly osType?: "linux" | "windows";
  /** File of the attestation key, which is made at the first enrollment. */
  readonly keyFile: string;
  readonly random: Random;
  readonly epochs?: EpochBook | undefined;
}

const maxQuoteAttempts = 3;
/** Our own keys always sign with SHA-256. */
const ownKeys = { allowSha1: false };
/** At enrollment the record shows every bank; at login one signature must do. */
const enrollBanks = [algorithm.sha1, algorithm.sha256, algorithm.sha384] as const;
const loginBanks = [algorithm.sha256] as const;

/** A {@link DeviceAuthenticator} on a TPM. The TPM is opened at the first use. */
export class TpmAuthenticator implements DeviceAuthenticator {
  readonly kind = "tpm";
  readonly osType: OsType;
  readonly #options: TpmAuthenticatorOptions;
  #opened: Promise<TpmClient> | undefined;

  constructor(options: TpmAuthenticatorOptions) {
    this.#options = options;
    this.osType = options.osType ?? "linux";
  }

  get epochs(): EpochBook | undefined {
    return this.#options.epochs;
  }

  async enrollInit({ fresh = false } = {}): Promise<EnrollCredential> {
    const tpm = await this.#open();
    const endorsement = await withEndorsementKey(tpm, async (key) => key);
    const stored = fresh ? undefined : await this.#findKey(tpm);
    const key = stored ?? (await this.#makeKey(tpm, endorsement.hash));
    const { certificate, spki } = endorsement;
    return {
      credentialId: credentialIdOf(parseAttestationKey(key.public, ownKeys)),
      tpm: {
        ...(certificate === undefined ? { ekKey: spki } : { ekCert: certificate }),
        attestationParameters: {
          public: key.public,
          createData: key.createData,
          createAttestation: key.createAttestation,
          createSignature: key.createSignature,
        },
      },
    };
  }

  async solveEnroll(challenge: EnrollChallenge): Promise<EnrollResponse> {
    if (challenge.kind !== "tpm") throw wrongChallenge();
    const { attestationNonce, encryptedCredential } = challenge;
    return this.#withAttestationKey(async (tpm, handle, key) => {
      const platformParameters = await this.#quote(tpm, handle, key, attestationNonce, enrollBanks);
      const solution = await this.#activate(tpm, handle, encryptedCredential);
      return { kind: "tpm", solution, platformParameters };
    });
  }

  async findCredentialId(): Promise<string | undefined> {
    return (await findTpmCredential(this.#options.keyFile))?.id;
  }

  async check(): Promise<void> {
    const key = await readAttestationKey(this.#options.keyFile);
    const tpm = await this.#open();
    // A TPM of another kind opens as well; its first answer shows it.
    await findPcrBanks(tpm, loginBanks);
    if (key === undefined) return;
    const unload = async () => {};
    await withStorageRoot(
      tpm,
      async (parent) => tpm.holding(await loadOwnKey(tpm, parent, key), unload),
      { keep: false },
    );
  }

  async authenticate(challenge: AuthenticateChallenge): Promise<DeviceProof> {
    if (challenge.kind !== "tpm") throw wrongChallenge();
    return this.#withAttestationKey(async (tpm, handle, key) => ({
      kind: "tpm",
      platformParameters: await this.#quote(
        tpm,
        handle,
        key,
        challenge.attestationNonce,
        loginBanks,
      ),
    }));
  }

  async close(): Promise<void> {
    const opened = await this.#opened?.catch(() => undefined);
    await opened?.close();
  }

  #open(): Promise<TpmClient> {
    this.#opened ??= openTpm(this.#options.tpm, this.#options);
    return this.#opened;
  }

  /** The key of an earlier enrollment if this TPM still has it. */
  async #findKey(tpm: TpmClient): Promise<StoredAttestationKey | undefined> {
    const stored = await readAttestationKey(this.#options.keyFile);
    return stored !== undefined && (await this.#isLoadable(tpm, stored)) ? stored : undefined;
  }

  /** A fresh key, written to the file. */
  async #makeKey(tpm: TpmClient, endorsementHash: string): Promise<StoredAttestationKey> {
    const key = { ...(await makeAttestationKey(tpm)), endorsementHash };
    await writeAttestationKey(this.#options.keyFile, key);
    return key;
  }

  async #isLoadable(tpm: TpmClient, key: StoredAttestationKey): Promise<boolean> {
    return withStorageRoot(tpm, async (parent) => {
      try {
        return await tpm.withHandle(loadKey(parent, key), async () => true);
      } catch (error) {
        if (isTpmFault(error, responseCode.integrity)) return false;
        throw error;
      }
    });
  }

  async #withAttestationKey<T>(
    use: (tpm: TpmClient, handle: number, key: StoredAttestationKey) => Promise<T>,
  ): Promise<T> {
    const key = await readAttestationKey(this.#options.keyFile);
    if (key === undefined) {
      throw new Fault("environment", "this device has no key", { hint: enrollHint });
    }
    const tpm = await this.#open();
    return withStorageRoot(tpm, async (parent) => {
      const handle = await loadOwnKey(tpm, parent, key);
      return tpm.holding(handle, () => use(tpm, handle, key));
    });
  }

  async #activate(
    tpm: TpmClient,
    attestationKey: number,
    credential: { readonly credentialBlob: Uint8Array; readonly secret: Uint8Array },
  ): Promise<Uint8Array> {
    return withEndorsementKey(tpm, ({ handle }) =>
      tpm.withHandle(startPolicySession(this.#options.random(32)), async (session) => {
        await tpm.run(assertEndorsementPolicy(session, await tpm.authorizeEndorsement()));
        const encrypted = {
          credentialBlob: claimForm<SizedIdObject>(credential.credentialBlob),
          secret: claimForm<SizedEncryptedSecret>(credential.secret),
        };
        return tpm.run(activateCredential(attestationKey, handle, session, encrypted));
      }),
    );
  }

  async #quote(
    tpm: TpmClient,
    handle: number,
    key: StoredAttestationKey,
    nonce: Uint8Array,
    wanted: readonly number[],
  ): Promise<PlatformParameters> {
    const banks = await findPcrBanks(tpm, wanted);
    const quoted: { readonly quote: Quote; readonly pcrs: readonly PcrValue[] }[] = [];
    for (const bank of banks) quoted.push(await quoteBank(tpm, handle, key, nonce, bank));
    return {
      quotes: quoted.map(({ quote }) => quote),
      pcrs: quoted.flatMap(({ pcrs }) =>
        pcrs.map(({ index, hash, digest }) => {
          return { index, digest, digestAlg: BigInt(findHash(hash)?.apiNumber ?? 0) };
        }),
      ),
      // A device can be trusted without its log; the doctor says why there is none.
      eventLog: await readEventLogOf(this.#options).catch(() => new Uint8Array(0)),
    };
  }
}

const enrollHint = "enroll this device again: tsh device enroll --current-device";

async function makeAttestationKey(
  tpm: TpmClient,
): Promise<Omit<StoredAttestationKey, "endorsementHash">> {
  return withStorageRoot(tpm, async (parent) => {
    const made = await tpm.run(createKey(parent, attestationKeyTemplate));
    return tpm.withHandle(loadKey(parent, made), async (handle) => {
      const { attest, signature } = await tpm.run(certifyCreation(handle, made));
      return {
        private: made.private,
        public: made.public,
        createData: made.createData,
        createAttestation: attest,
        createSignature: signature,
      };
    });
  });
}

/** Throws `environment` that says what became of the TPM when it is not the one that made the key. */
async function loadOwnKey(
  tpm: TpmClient,
  parent: number,
  key: StoredAttestationKey,
): Promise<number> {
  return tpm.run(loadKey(parent, key)).catch(async (error: unknown) => {
    if (!isTpmFault(error, responseCode.integrity)) throw error;
    throw await explainForeignKey(tpm, key, error);
  });
}

/** The endorsement key survives a clear, the attestation key does not. */
async function explainForeignKey(
  tpm: TpmClient,
  key: StoredAttestationKey,
  cause: unknown,
): Promise<Fault> {
  const { hash } = await withEndorsementKey(tpm, async (endorsement) => endorsement);
  return hash === key.endorsementHash
    ? new Fault("environment", "the TPM was cleared since this device was enrolled", {
        hint: enrollHint,
        cause,
        audit: { reason: "tpm_cleared" },
      })
    : new Fault("environment", "the device key in this profile belongs to another TPM", {
        hint: `keys cannot be moved to another machine; ${enrollHint}`,
        cause,
        audit: { reason: "tpm_other" },
      });
}

/** A PCR may change between reading and quoting; then both are done again. */
async function quoteBank(
  tpm: TpmClient,
  handle: number,
  key: StoredAttestationKey,
  nonce: Uint8Array,
  bank: number,
): Promise<{ readonly quote: Quote; readonly pcrs: readonly PcrValue[] }> {
  const { hash } = parseAttestationKey(key.public, ownKeys);
  for (let attempt = 0; attempt < maxQuoteAttempts; attempt++) {
    const pcrs = await tpm.readBank(bank);
    const quote = await tpm.run(quotePcrs(handle, nonce, allPcrs(bank)));
    const digest = createHash(hash.name);
    for (const pcr of pcrs) digest.update(pcr.digest);
    const { pcrDigest } = decodeAttest(quote.quote, "quote");
    if (sameBytes(pcrDigest, digest.digest())) return { quote, pcrs };
  }
  throw new Fault("environment", "the PCRs of the TPM keep changing", {
    hint: "try again when the system has finished starting",
  });
}

function wrongChallenge(): Fault {
  return new Fault("malformed", "the server sent a challenge that is not for a TPM");
}
