/** Policy sessions and credential activation (TPM 2.0 Library Part 3 sections 11, 12.5, 23.4). */
import { algorithm, permanentHandle } from "../constants.ts";
import type { EncryptedCredential } from "../make-credential.ts";
import { TpmWriter } from "../wire.ts";
import { type Authorization, type Command, command, emptyPassword } from "./command.ts";

const policySession = 1;

/** TPM2_StartAuthSession: a policy session over SHA-256; answers its handle. `nonce` has 32 bytes. */
export function startPolicySession(nonce: Uint8Array): Command<number> {
  return command({
    name: "TPM2_StartAuthSession",
    code: 0x176,
    handles: [permanentHandle.none, permanentHandle.none],
    parameters: new TpmWriter()
      .sized(nonce)
      .uint16(0)
      .uint8(policySession)
      .uint16(algorithm.none)
      .uint16(algorithm.sha256)
      .done(),
    answersHandle: true,
    read(from, handle) {
      from.sized(64);
      return handle;
    },
  });
}

/** TPM2_PolicySecret with the endorsement hierarchy: satisfies the policy of default endorsement keys. */
export function assertEndorsementPolicy(
  session: number,
  authorization: Authorization = emptyPassword,
): Command<void> {
  return command({
    name: "TPM2_PolicySecret",
    code: 0x151,
    handles: [permanentHandle.endorsement, session],
    authorizations: [authorization],
    parameters: new TpmWriter().uint16(0).uint16(0).uint16(0).uint32(0).done(),
    read(from) {
      from.sized(64); // timeout
      from.take(6); // ticket: tag and hierarchy
      from.sized(64);
    },
  });
}

/** TPM2_ActivateCredential: answers the secret. `session` must hold the endorsement policy; success ends it. */
export function activateCredential(
  attestationKey: number,
  endorsementKey: number,
  session: number,
  credential: EncryptedCredential,
): Command<Uint8Array> {
  return command({
    name: "TPM2_ActivateCredential",
    code: 0x147,
    handles: [attestationKey, endorsementKey],
    authorizations: [emptyPassword, { session }],
    // Both parts already carry their sizes.
    parameters: new TpmWriter().raw(credential.credentialBlob).raw(credential.secret).done(),
    read: (from) => from.sized(64),
  });
}
