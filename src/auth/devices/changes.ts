/**
 * What may be said about a device, and when: the document of a new one, and what an update may change. Decides nothing
 * about who may say it. Devices become enrolled by proving a key, never by a write.
 */
import { createPublicKey, type KeyObject } from "node:crypto";
import type { DescMessage } from "@bufbuild/protobuf";
import { decodeDevice, encodeDevice } from "#api/convert/device.ts";
import type { Plain } from "#api/convert/document.ts";
import { Fault } from "#base/fault.ts";
import { nearest } from "#base/nearest.ts";
import { type Random, uuid } from "#base/random.ts";
import {
  type Device as DeviceMessage,
  DeviceProfileSchema,
  DeviceSchema,
  DeviceSourceSchema,
} from "#gen/teleport/devicetrust/v1/device_pb.ts";
import type { Device, DeviceCredential } from "#resource/device.ts";
import { parseResourceOf } from "#resource/parse.ts";
import { parseAttestationKey } from "#tpm/attestation-key.ts";
import { credentialIdOf } from "#tpm/credential-id.ts";
import { claimForm, type PublicBytes } from "#tpm/forms.ts";

/** Where a change takes time and names from. */
export interface ChangeDeps {
  readonly now: Date;
  readonly random: Random;
}

type Spec = { readonly [key: string]: Plain };

const maxTag = 100;
const mutableFields = ["enroll_status", "owner", "source", "profile"] as const;
/** Kept by the server: a document that was read and sent back carries them, and they say nothing. */
const keptFields: readonly string[] = ["update_time", "collected_data"];

/**
 * The document of a new device. With `asResource` the id, the times, the enrollment status and the credential are taken
 * over too, as from a backup; otherwise the server sets them. Throws `invalid` that names the field.
 */
export function newDevice(message: DeviceMessage, asResource: boolean, deps: ChangeDeps): Device {
  const plain = decodeDevice(message);
  const given = specOf(plain);
  const now = deps.now.toISOString();
  if (given["os_type"] === undefined) throw new Fault("invalid", "missing OS type");
  assertAssetTag(given["asset_tag"]);
  const { collected_data: _, credential, ...system } = given;
  const { os_type, asset_tag, source, profile, owner } = given;
  const enrolled = asResource && given["enroll_status"] === "enrolled";
  const rest = asResource ? system : { os_type, asset_tag, source, profile, owner };
  const device = parseResourceOf("device", {
    kind: "device",
    version: plain["version"] || "v1",
    metadata: { name: (asResource && message.id) || uuid(deps.random) },
    spec: {
      create_time: now,
      ...withoutAbsent(rest),
      update_time: now,
      enroll_status: enrolled ? "enrolled" : "not_enrolled",
      ...(enrolled ? { credential } : {}),
    },
  });
  assertDeviceId(device.metadata.name);
  if (enrolled) assertSoundCredential(device);
  return device;
}

/**
 * The device after an update. `mask` names the fields to take from the message (names of the .proto files, those of
 * profile and source one by one or all at once, also to empty them); without one, all that the message has. Throws
 * `invalid` that names the field that may not change, or that no device has.
 */
export function updateDevice(
  before: Device,
  message: DeviceMessage,
  mask: readonly string[] | undefined,
  { now }: Pick<ChangeDeps, "now">,
): Device {
  const stored = specOf(decodeDevice(encodeDevice(before)));
  const sent = specOf(decodeDevice(message));
  const given = mask ? maskedSpec(sent, stored, mask) : sent;
  const fields = mask
    ? mask.map((path) => path.split(".", 1)[0] ?? "")
    : Object.keys(given).filter((field) => !keptFields.includes(field));
  const changed = fields.filter(
    (field) => JSON.stringify(given[field]) !== JSON.stringify(stored[field]),
  );
  for (const field of changed) assertMayChange(field, given);
  const take = (field: string) => changed.includes(field);
  const { enroll_status, owner, source, profile } = given;
  const unenroll = take("enroll_status") && enroll_status === "not_enrolled";
  const next = {
    ...stored,
    ...(take("source") ? { source } : {}),
    ...(take("profile") ? { profile: stampProfile(profile, stored["profile"], now) } : {}),
    ...(unenroll ? { enroll_status, credential: undefined, owner: undefined } : {}),
    ...(take("owner") ? { owner } : {}),
    update_time: now.toISOString(),
  };
  return parseResourceOf("device", {
    kind: "device",
    version: before.version,
    metadata: before.metadata,
    spec: withoutAbsent(next),
  });
}

const fieldNames = (message: DescMessage) => new Set(message.fields.map(({ name }) => name));
const deviceFields = fieldNames(DeviceSchema);
/** Messages whose fields a mask may name one by one. */
const nestedFields: Readonly<Record<string, ReadonlySet<string>>> = {
  profile: fieldNames(DeviceProfileSchema),
  source: fieldNames(DeviceSourceSchema),
};

/** What was sent; where the mask names only parts of a message, they stand in the stored rest of it. */
function maskedSpec(sent: Spec, stored: Spec, mask: readonly string[]): Spec {
  const merged = new Map<string, { [part: string]: Plain | undefined }>();
  for (const [field, part] of mask.map(readPath)) {
    if (part === undefined || mask.includes(field)) continue;
    const whole = merged.get(field) ?? { ...(stored[field] as Spec | undefined) };
    whole[part] = (sent[field] as Spec | undefined)?.[part];
    merged.set(field, whole);
  }
  const wholes = [...merged].map(([field, whole]) => [field, withoutAbsent(whole)]);
  return { ...sent, ...(Object.fromEntries(wholes) as Spec) };
}

function readPath(path: string): readonly [field: string, part: string | undefined] {
  const [field = "", part, ...deeper] = path.split(".");
  const parts = Object.hasOwn(nestedFields, field) ? nestedFields[field] : undefined;
  const known = part === undefined ? deviceFields.has(field) : parts?.has(part);
  if (known && deeper.length === 0) return [field, part];
  const nearby = nearest(path, deviceFields);
  throw new Fault("invalid", `no device has a field "${path.slice(0, maxTag)}"`, {
    ...(nearby === undefined ? {} : { hint: `did you mean ${nearby}?` }),
  });
}

function assertMayChange(field: string, given: Spec): void {
  if (field === "enroll_status") {
    const status = given[field];
    if (status === "not_enrolled" || status === undefined || status === "unspecified") return;
    throw new Fault("invalid", "enroll_status cannot be set to enrolled by hand", {
      hint: "a device becomes enrolled with: tsh device enroll",
    });
  }
  if ((mutableFields as readonly string[]).includes(field)) return;
  throw new Fault("invalid", `the field ${field} of a device cannot be changed`, {
    hint: `fields that can be changed: ${mutableFields.join(", ")}`,
  });
}

/** Says when the profile was set, unless whoever sets it does. */
function stampProfile(given: Plain | undefined, stored: Plain | undefined, now: Date) {
  if (given === undefined) return undefined;
  const profile = given as { readonly update_time?: string };
  const before = stored as { readonly update_time?: string } | undefined;
  const stated = profile.update_time !== undefined && profile.update_time !== before?.update_time;
  return { ...profile, update_time: stated ? profile.update_time : now.toISOString() };
}

function specOf(plain: { [key: string]: Plain }): Spec {
  const spec = plain["spec"] as { [key: string]: Plain };
  if (spec["enroll_status"] !== "unspecified") return spec;
  const { enroll_status: _, ...rest } = spec;
  return rest;
}

function withoutAbsent(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** Ids and tags share a name space in `tctl get device/NAME`: an id is a UUID, so that it is not a tag by accident. */
function assertDeviceId(id: string): void {
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)) return;
  throw new Fault("invalid", "the id of a device must be a UUID in lower case", {
    hint: "leave metadata.name out: the server makes one",
  });
}

function assertAssetTag(tag: Plain | undefined): void {
  if (typeof tag !== "string" || tag === "") throw new Fault("invalid", "missing asset tag");
  if (tag.length > maxTag || !tag.isWellFormed() || /\p{Cc}/u.test(tag) || tag.trim() !== tag) {
    throw new Fault(
      "invalid",
      `an asset tag has at most ${maxTag} characters, none of them a control character, and no spaces around it`,
    );
  }
}

function assertSoundCredential({ spec: { os_type, credential } }: Device): void {
  const tpm = os_type === "linux" || os_type === "windows";
  const sound = credential && (tpm ? isSoundTpm(credential) : isSoundKey(credential));
  if (sound) return;
  throw new Fault("invalid", `an enrolled ${os_type} device needs the credential of one`, {
    hint: "leave enroll_status and credential out, and enroll the device: tsh device enroll",
  });
}

function isSoundTpm({ id, tpm_ak_public, public_key_der }: DeviceCredential): boolean {
  if (!tpm_ak_public || public_key_der) return false;
  try {
    const bytes = claimForm<PublicBytes>(new Uint8Array(Buffer.from(tpm_ak_public, "base64")));
    return credentialIdOf(parseAttestationKey(bytes, { allowSha1: true })) === id;
  } catch {
    return false;
  }
}

function isSoundKey({ id, tpm_ak_public, public_key_der }: DeviceCredential): boolean {
  if (id === "" || id.length > maxTag || tpm_ak_public || !public_key_der) return false;
  let key: KeyObject;
  try {
    const der = Buffer.from(public_key_der, "base64");
    key = createPublicKey({ key: der, format: "der", type: "spki" });
  } catch {
    return false;
  }
  return key.asymmetricKeyDetails?.namedCurve === "prime256v1";
}
