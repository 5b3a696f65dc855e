/**
 * A device of which two copies exist: a virtual machine that was cloned, or put back to a snapshot. Which of the two is
 * the right one nobody can tell from here, so neither goes on: the enrollment ends, a lock strikes the certificates that
 * are out (`docs/decisions/0012`), and the device comes back with a token of an administrator and a new key only.
 */
import { createHash } from "node:crypto";
import { formatKey } from "#backend/key.ts";
import { hex, utf8 } from "#base/bytes.ts";
import { Fault, isFault } from "#base/fault.ts";
import type { Device } from "#resource/device.ts";
import type { AuthContext } from "../context.ts";
import type { AuthCall } from "../grpc/guard.ts";
import { type DeviceState, unenrolledRecord } from "./device-state.ts";
import { callerFields, deviceFields } from "./events.ts";
import type { DeviceInventory } from "./inventory.ts";

/** The proof that there are two, by the name that audit events have for it. */
export type CopyProof = "tpm_rolled_back" | "epoch_over";

/** Keys of one device that are remembered as copied. */
const retiredKept = 16;

const proofs: readonly unknown[] = ["tpm_rolled_back", "epoch_over"] satisfies CopyProof[];

const existsTwice = "this device exists twice, and is no longer enrolled";

/** The refusal of a device that was proven to be one of two. It has shown its key, so it may be told. */
export function refuseCopy(proof: CopyProof, why: string): Fault {
  return new Fault("access-denied", existsTwice, { audit: { reason: proof, why } });
}

/** True for a {@link refuseCopy}. */
export function provesCopy(error: unknown): error is Fault {
  return isFault(error, "access-denied") && proofs.includes(error.audit["reason"]);
}

/**
 * Ends the enrollment with a key that exists twice. The event is durable before that. Gives the refusal for whoever is
 * there, with what brings the device back.
 */
export async function endCopiedEnrollment(
  { context, inventory }: { readonly context: AuthContext; readonly inventory: DeviceInventory },
  call: AuthCall,
  { metadata, spec }: Device,
  proof: Fault,
): Promise<Fault> {
  const credential = spec.credential?.id ?? "";
  const now = context.clock.now();
  const announce = (device: Device) =>
    context.audit.record("device.copied", {
      ...callerFields(call),
      device: deviceFields(device, credential),
      message: String(proof.audit["why"]),
      reason: String(proof.audit["reason"]),
    });
  await context.backend.put(copiedKey(credential), utf8(now.toISOString()));
  try {
    await inventory.modify(
      metadata.name,
      callerFields(call).user,
      (before) => withoutCopied(before, credential, now),
      announce,
    );
  } catch (error) {
    // Somebody else has ended it already, or deleted the device: both are what was wanted.
    if (!isFault(error, "conflict", "not-found")) throw error;
  }
  return new Fault("access-denied", existsTwice, {
    hint: `it was cloned, or put back to an earlier state. An administrator lets it in again with: tctl devices enroll --asset-tag=${spec.asset_tag}; then: tsh device enroll --token=TOKEN`,
    audit: proof.audit,
  });
}

function withoutCopied(before: DeviceState, credentialId: string, now: Date): DeviceState {
  const { device } = before;
  if (device.spec.credential?.id !== credentialId) {
    throw new Fault("conflict", "the device is not enrolled with this key any more");
  }
  const { credential: _, owner: __, ...rest } = device.spec;
  return {
    device: {
      ...device,
      spec: { ...rest, enroll_status: "not_enrolled", update_time: now.toISOString() },
    },
    record: {
      ...unenrolledRecord(before),
      copied: now.toISOString(),
      retiredKeys: [...(before.record.retiredKeys ?? []), credentialId].slice(-retiredKept),
    },
  };
}

/** Refuses a key of which there are two copies, under whatever record it comes: records are deleted and made anew. */
export async function assertNotCopied(
  { backend }: Pick<AuthContext, "backend">,
  credentialId: string,
): Promise<void> {
  if ((await backend.find(copiedKey(credentialId))) !== undefined) throw newKeyNeeded("copied_key");
}

/** Where the time is kept at which a key was found to exist twice. */
function copiedKey(credentialId: string): string {
  return formatKey("copied-keys", hex(createHash("sha256").update(credentialId).digest()));
}

/**
 * Refuses a key that may not enrol here: one that exists twice, and one that proved the device for somebody else, whose
 * certificates would come back to life with it. The client answers with a new key.
 */
export function assertKeyMayEnroll(state: DeviceState, credentialId: string, user: string): void {
  const { device, record } = state;
  const { credential, owner } = device.spec;
  const last = credential ? { credentialId: credential.id, owner: owner ?? "" } : record.formerly;
  const copied = record.retiredKeys?.includes(credentialId) ?? false;
  const others = last?.credentialId === credentialId && last.owner !== user;
  if (copied || others) throw newKeyNeeded(copied ? "copied_key" : "key_of_another_owner");
}

function newKeyNeeded(reason: "copied_key" | "key_of_another_owner"): Fault {
  return new Fault(
    "conflict",
    reason === "copied_key"
      ? "this device needs a new key: there are two copies of the one that it has"
      : "this device needs a new key: the one that it has was enrolled for somebody else",
    {
      hint: "our tsh makes one by itself; for another client, remove its file attestation.key. Then enroll again",
      audit: { reason },
    },
  );
}
