/**
 * Certificates outlive the enrollment that they came from. When a credential leaves the inventory (unenrollment, deletion,
 * another key), a lock takes its place until the last certificate that names it has expired: services follow locks
 * already and end what is running. It strikes this credential only, so the device may enrol again at once.
 */
import { createHash } from "node:crypto";
import { deviceLockTarget } from "#access/locks.ts";
import type { Operation } from "#backend/port.ts";
import { hex } from "#base/bytes.ts";
import type { Lock } from "#resource/lock.ts";
import { type DocumentStore, encode } from "../store/documents.ts";
import type { DeviceState } from "./device-state.ts";

/** Who made a change, and when. */
export interface ChangeMark {
  readonly by: string;
  readonly now: Date;
}

/** The writes that keep locks in step with a change of a device; undefined stands for "does not exist". */
export function revocationOperations(
  locks: DocumentStore<Lock>,
  before: DeviceState | undefined,
  after: DeviceState | undefined,
  mark: ChangeMark,
): Operation[] {
  const old = before?.device.spec.credential?.id;
  const fresh = after?.device.spec.credential?.id;
  const id = (after ?? before)?.device.metadata.name ?? "";
  if (old === fresh) return [];
  const operations: Operation[] = [];
  if (fresh !== undefined) {
    operations.push({ type: "delete", key: locks.keyOf(lockName(id, fresh)) });
  }
  const until = before?.record.certificatesUntil;
  if (
    before &&
    old !== undefined &&
    until !== undefined &&
    Date.parse(until) > mark.now.getTime()
  ) {
    const lock = revokingLock(before, old, until, mark);
    const { bytes, options } = encode(lock);
    const key = locks.keyOf(lock.metadata.name);
    operations.push({ type: "put", key, value: bytes, ...options });
  }
  return operations;
}

function revokingLock(
  { device }: DeviceState,
  credentialId: string,
  expires: string,
  { by, now }: ChangeMark,
): Lock {
  const deviceId = device.metadata.name;
  return {
    kind: "lock",
    version: "v2",
    metadata: { name: lockName(deviceId, credentialId), expires },
    spec: {
      target: { device: deviceLockTarget(deviceId, credentialId) },
      message: `device ${device.spec.asset_tag} is no longer enrolled with this key`,
      expires,
      created_at: now.toISOString(),
      created_by: by,
    },
  };
}

/** Credential ids hold slashes, which names of resources may not. */
function lockName(deviceId: string, credentialId: string): string {
  const digest = hex(createHash("sha256").update(credentialId).digest()).slice(0, 16);
  return `device-${deviceId}-${digest}`;
}
