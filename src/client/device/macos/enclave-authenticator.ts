/**
 * The device's key in the Secure Enclave of a Mac: a P-256 key that signs challenges and cannot leave. The enclave attests
 * nothing to a server, so a server knows only that the key is the one that was enrolled.
 */
import { verify } from "node:crypto";
import { Fault } from "#base/fault.ts";
import { type Random, uuid } from "#base/random.ts";
import type {
  AuthenticateChallenge,
  DeviceProof,
  EnrollChallenge,
  EnrollResponse,
} from "#devicetrust/messages.ts";
import type { DeviceAuthenticator, EnrollCredential } from "../authenticator.ts";
import { askEnclave, noEnclave } from "./enclave-helper.ts";
import {
  parseEnclavePublicKey,
  readEnclaveKey,
  type StoredEnclaveKey,
  writeEnclaveKey,
} from "./enclave-key-file.ts";

/** What the authenticator needs from its surroundings. */
export interface EnclaveAuthenticatorOptions {
  /** Path of the helper program. */
  readonly helper: string;
  /** File of the key, which is made at the first enrollment. */
  readonly keyFile: string;
  readonly random: Random;
}

/** A {@link DeviceAuthenticator} on a Secure Enclave. */
export class EnclaveAuthenticator implements DeviceAuthenticator {
  readonly kind = "secure-enclave";
  readonly osType = "macos";
  readonly #options: EnclaveAuthenticatorOptions;

  constructor(options: EnclaveAuthenticatorOptions) {
    this.#options = options;
  }

  async enrollInit({ fresh = false } = {}): Promise<EnrollCredential> {
    const { credentialId, publicKeyDer } =
      (fresh ? undefined : await this.#findKey()) ?? (await this.#makeKey());
    return { credentialId, macos: { publicKeyDer } };
  }

  async solveEnroll(challenge: EnrollChallenge): Promise<EnrollResponse> {
    return this.#sign(challenge);
  }

  async findCredentialId(): Promise<string | undefined> {
    return readEnclaveKey(this.#options.keyFile)?.credentialId;
  }

  async check(): Promise<void> {
    const { helper, keyFile, random } = this.#options;
    const stored = readEnclaveKey(keyFile);
    const { available } = await askEnclave(helper, { op: "probe" });
    if (!available) throw noEnclave();
    if (stored !== undefined) await this.#signWith(stored, random(32));
  }

  async authenticate(challenge: AuthenticateChallenge): Promise<DeviceProof> {
    return this.#sign(challenge);
  }

  async close(): Promise<void> {}

  /** The key of an earlier enrollment if this Secure Enclave still has it. */
  async #findKey(): Promise<StoredEnclaveKey | undefined> {
    const stored = readEnclaveKey(this.#options.keyFile);
    return stored !== undefined && (await this.#isUsable(stored)) ? stored : undefined;
  }

  async #makeKey(): Promise<StoredEnclaveKey> {
    const { helper, keyFile, random } = this.#options;
    const { key, public_key: publicKeyDer } = await askEnclave(helper, { op: "create" });
    parseEnclavePublicKey(publicKeyDer);
    const made = { credentialId: uuid(random), key, publicKeyDer };
    writeEnclaveKey(keyFile, made);
    return made;
  }

  async #isUsable(stored: StoredEnclaveKey): Promise<boolean> {
    try {
      await this.#signWith(stored, this.#options.random(32));
      return true;
    } catch (error) {
      if (error instanceof Fault && error.audit["reason"] === "enclave_key_unusable") return false;
      throw error;
    }
  }

  async #sign(
    challenge: EnrollChallenge | AuthenticateChallenge,
  ): Promise<{ readonly kind: "key"; readonly signature: Uint8Array }> {
    if (challenge.kind !== "key") {
      throw new Fault("malformed", "the server sent a challenge that is not for a Secure Enclave");
    }
    const stored = readEnclaveKey(this.#options.keyFile);
    if (stored === undefined) {
      throw new Fault("environment", "this device has no key", {
        hint: "enroll this device again: tsh device enroll --current-device",
      });
    }
    return { kind: "key", signature: await this.#signWith(stored, challenge.challenge) };
  }

  /** A signature that does not verify would only be refused by the cluster, without a reason. */
  async #signWith(stored: StoredEnclaveKey, message: Uint8Array): Promise<Uint8Array> {
    const { key, publicKeyDer } = stored;
    const { signature } = await askEnclave(this.#options.helper, { op: "sign", key, message });
    if (verify("sha256", message, parseEnclavePublicKey(publicKeyDer), signature)) return signature;
    throw new Fault(
      "environment",
      "the Secure Enclave signed with another key than the file names",
      {
        hint: `remove ${this.#options.keyFile} and enroll this device again`,
      },
    );
  }
}
