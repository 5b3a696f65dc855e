/**
 * One TPM, one device record; one record, one TPM. A token alone never rebinds an enrolled record to other hardware:
 * an administrator unenrols it first.
 */
import { Fault } from "#base/fault.ts";
import type { Enrollment } from "./enrollment.ts";

/** What the inventory holds, looked up by the caller within the transaction that stores the enrollment. */
export interface KnownBindings {
  /** Id of the record that the device enrols into. */
  readonly deviceId: string;
  /** Endorsement key hash of that record, while it is enrolled. */
  readonly enrolledEndorsementHash?: string | undefined;
  /** Id of the record whose credential has the new credential's id, if any. */
  readonly holderOfCredential?: string | undefined;
  /** Id of the enrolled record that has the new endorsement key, if any. */
  readonly holderOfEndorsementKey?: string | undefined;
}

/** Throws `already-exists` when the enrollment would share or replace hardware; `audit.reason` says which. */
export function assertNoConflict(enrollment: Enrollment, known: KnownBindings): void {
  const others = (holder: string | undefined) => holder !== undefined && holder !== known.deviceId;
  if (others(known.holderOfCredential)) throw conflict("credential_bound");
  if (others(known.holderOfEndorsementKey)) throw conflict("endorsement_key_bound");
  const { enrolledEndorsementHash: before } = known;
  const after = enrollment.endorsement?.publicKeyHash;
  if (before !== undefined && after !== undefined && before !== after)
    throw conflict("tpm_changed");
}

const messages = {
  credential_bound: "this key is enrolled as another device",
  endorsement_key_bound: "this TPM is enrolled as another device",
  tpm_changed: "this device is enrolled with another TPM",
} as const;

function conflict(reason: keyof typeof messages): Fault {
  return new Fault("already-exists", messages[reason], {
    hint: "an administrator can free it: tctl edit device/ASSET_TAG, enroll_status: not_enrolled",
    audit: { reason },
  });
}
