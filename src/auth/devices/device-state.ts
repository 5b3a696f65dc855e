/**
 * What the inventory holds of one device: the document that everybody sees, and beside it a private record that only
 * auth reads. And the keys under which both, and the indexes over them, are stored.
 */
import { formatKey, formatPrefix } from "#backend/key.ts";
import { utf8 } from "#base/bytes.ts";
import type { BootFacts, PcrTable } from "#devicetrust/device-facts.ts";
import type { EndorsementBinding } from "#devicetrust/enrollment.ts";
import type { EpochMark } from "#devicetrust/epoch.ts";
import type { Device, DeviceCollectedData, OsType } from "#resource/device.ts";
import type { ClockMark } from "./clock.ts";

/** What auth remembers of a device and shows to nobody, or only as `collected_data`. */
export interface DeviceRecord {
  /** What the device said when it enrolled, with its evidence. */
  readonly enrolled?: DeviceCollectedData;
  /** What it said at its last authentications, oldest first; the last one with its evidence. */
  readonly recent: readonly DeviceCollectedData[];
  /** SHA-256 of the endorsement key that it enrolled with, hexadecimal. */
  readonly endorsementHash?: string;
  /** The newest boot that it proved; absent for devices without a TPM. */
  readonly boot?: BootFacts;
  /** What its PCRs held at the enrollment, or when an administrator approved its boot. */
  readonly baseline?: PcrTable;
  /** The boot for which the rules refused it since its last success. */
  readonly refusedBoot?: BootFacts;
  /** The clock of the TPM when it last proved itself. */
  readonly clock?: ClockMark;
  /** The secret that our own client shows next; absent while the device has never shown one. */
  readonly epoch?: EpochMark;
  /** When two copies of the device were found. Until it enrolls again it gets no token by itself. */
  readonly copied?: string;
  /** Keys of this device that exist twice and never enroll again, oldest first. */
  readonly retiredKeys?: readonly string[];
  /** The key that the device was enrolled with last, and for whom, after its enrollment has ended. */
  readonly formerly?: { readonly credentialId: string; readonly owner: string };
  /** No certificate that names the device and its credential is valid after this moment. */
  readonly certificatesUntil?: string;
  /** The TPM that it must enrol with, as an administrator said beforehand. Outlives enrollments. */
  readonly boundEndorsement?: EndorsementBinding;
  /** What the certificate of the endorsement key said at the enrollment. */
  readonly endorsementCertificate?: EndorsementCertificateFacts;
  /** Whom the inventory service last said the device is assigned to; empty for nobody. Outlives enrollments. */
  readonly assignedUser?: string;
}

/** Issuer and subject of an endorsement certificate, as text; the certificate itself is not kept. */
export interface EndorsementCertificateFacts {
  readonly issuer: string;
  readonly manufacturer?: string;
  readonly model?: string;
  readonly version?: string;
}

/** A device with its private record, and the revisions under which both are stored. */
export interface DeviceState {
  readonly device: Device;
  readonly record: DeviceRecord;
  /** Undefined when there is no record yet. */
  readonly recordRevision?: string | undefined;
}

/** A device and its private record after a change. */
export interface DeviceChange {
  readonly device: Device;
  readonly record: DeviceRecord;
}

/** The record of a device that has never enrolled. */
export const emptyRecord: DeviceRecord = { recent: [] };

/** What is left of a record when the device loses its credential. */
export function unenrolledRecord({ device, record }: DeviceState): DeviceRecord {
  const { copied, formerly } = record;
  const { credential, owner = "" } = device.spec;
  const last = credential ? { credentialId: credential.id, owner } : formerly;
  const kept = {
    ...lastingOf(record),
    ...(copied === undefined ? {} : { copied }),
    ...(last === undefined ? {} : { formerly: last }),
  };
  // The same object: a device that says nothing has no record in the store.
  return Object.keys(kept).length === 0 ? emptyRecord : { ...emptyRecord, ...kept };
}

/** What a record says of the device whatever it is enrolled with. */
export function lastingOf({
  assignedUser,
  boundEndorsement,
  retiredKeys,
}: DeviceRecord): Pick<DeviceRecord, "assignedUser" | "boundEndorsement" | "retiredKeys"> {
  return {
    ...(assignedUser === undefined ? {} : { assignedUser }),
    ...(boundEndorsement === undefined ? {} : { boundEndorsement }),
    ...(retiredKeys === undefined ? {} : { retiredKeys }),
  };
}

/** The record before a certificate that names the device and lasts until then. */
export function withCertificatesUntil(record: DeviceRecord, until: Date): DeviceRecord {
  const before = record.certificatesUntil;
  const latest = Math.max(before === undefined ? 0 : Date.parse(before), until.getTime());
  return { ...record, certificatesUntil: new Date(latest).toISOString() };
}

/** Authentications whose collected data are kept. */
export const recentKept = 10;

const folder = "devices";

/** The key of a private record. */
export const recordKey = (id: string) => formatKey(folder, "records", id);

/** The start of the keys of all private records; the id of the device follows. */
export const recordsPrefix = formatPrefix(folder, "records");

/** The key that leads from system and asset tag to the device. */
export const tagKey = (os: OsType, tag: string) => formatKey(folder, "tags", os, tag);

/** The start of the keys of all credentials that devices have now. */
export const credentialPrefix = formatPrefix(folder, "credentials");

/** The key that leads from a credential to the device. */
export const credentialKey = (id: string) => formatKey(folder, "credentials", id);

/** The key that leads from an endorsement key to the device. */
export const endorsementKey = (hash: string) => formatKey(folder, "endorsement-keys", hash);

/** The start of the keys of an owner's devices; the id of the device follows. */
export const ownerPrefix = (owner: string) => formatPrefix(folder, "owners", owner);

/** The key of one device among its owner's. */
export const ownerKey = (owner: string, id: string) => formatKey(folder, "owners", owner, id);

/** The keys that lead to the device. No two devices have one of them in common. */
export function indexKeys({ device, record }: DeviceChange): string[] {
  const { os_type, asset_tag, credential, owner } = device.spec;
  return [
    tagKey(os_type, asset_tag),
    ...(credential ? [credentialKey(credential.id)] : []),
    ...(record.endorsementHash ? [endorsementKey(record.endorsementHash)] : []),
    ...(owner ? [ownerKey(owner, device.metadata.name)] : []),
  ];
}

/** The bytes of a record. */
export function encodeRecord(record: DeviceRecord): Uint8Array {
  return utf8(JSON.stringify(record));
}

/** The record in stored bytes. */
export function decodeRecord(bytes: Uint8Array): DeviceRecord {
  return JSON.parse(new TextDecoder().decode(bytes)) as DeviceRecord;
}

/** When the device last proved itself after its enrollment; undefined when it has not. */
export function lastAuthenticated({ recent }: DeviceRecord): Date | undefined {
  const { record_time: recorded, collect_time: collected } = recent.at(-1) ?? {};
  const time = recorded ?? collected;
  return time === undefined ? undefined : new Date(time);
}

/** What the device said last, for comparison with what it says now. */
export function lastCollected({ enrolled, recent }: DeviceRecord): DeviceCollectedData | undefined {
  return recent.at(-1) ?? enrolled;
}
