/**
 * `kind: device`, version v1: one machine of the inventory, its enrollment status and, once
 * enrolled, its credential. Field names are those of the messages of `teleport.devicetrust.v1`;
 * bytes are base64.
 */
import * as z from "zod";
import { metadataWithoutName } from "./metadata.ts";
import {
  base64Text,
  count,
  fallback,
  filledText,
  mapList,
  oneOf,
  oneOfOrNothing,
  optional,
  text,
  textList,
  time,
} from "./scalar.ts";

/** Operating systems that devices run, as documents name them. */
export const osTypes = ["linux", "macos", "windows", "ios", "ipados"] as const;

/** Operating system of a device. */
export type OsType = (typeof osTypes)[number];

const credential = z.strictObject({
  id: text,
  public_key_der: optional(base64Text),
  device_attestation_type: oneOfOrNothing([
    "unspecified",
    "tpm_ekpub",
    "tpm_ekcert",
    "tpm_ekcert_trusted",
  ]).transform((value) => (value === "unspecified" ? undefined : value)),
  tpm_ekcert_serial: optional(text),
  tpm_ak_public: optional(base64Text),
});

const profile = z.strictObject({
  update_time: optional(time),
  model_identifier: optional(text),
  os_version: optional(text),
  os_build: optional(text),
  os_build_supplemental: optional(text),
  os_usernames: optional(textList),
  jamf_binary_version: optional(text),
  external_id: optional(text),
  os_id: optional(text),
});

const platformAttestation = z.strictObject({
  nonce: optional(base64Text),
  platform_parameters: optional(
    z.strictObject({
      quotes: optional(
        mapList(z.strictObject({ quote: optional(base64Text), signature: optional(base64Text) })),
      ),
      pcrs: optional(
        mapList(
          z.strictObject({
            index: fallback(count, 0),
            digest: optional(base64Text),
            digest_alg: optional(count),
          }),
        ),
      ),
      event_log: optional(base64Text),
    }),
  ),
});

const collectedData = z.strictObject({
  collect_time: optional(time),
  record_time: optional(time),
  os_type: optional(oneOf([...osTypes, "unspecified"])),
  serial_number: optional(text),
  model_identifier: optional(text),
  os_version: optional(text),
  os_build: optional(text),
  os_username: optional(text),
  jamf_binary_version: optional(text),
  macos_enrollment_profiles: optional(text),
  reported_asset_tag: optional(text),
  system_serial_number: optional(text),
  base_board_serial_number: optional(text),
  tpm_platform_attestation: optional(platformAttestation),
  os_id: optional(text),
  os_login_user: optional(text),
});

/**
 * Strict schema of a device; its output is the canonical document. An empty name asks the server
 * for an id.
 */
export const deviceSchema = z.strictObject({
  kind: z.literal("device"),
  sub_kind: optional(text),
  version: fallback(oneOf(["v1"]), "v1"),
  metadata: metadataWithoutName,
  spec: z.strictObject({
    os_type: oneOf(osTypes),
    asset_tag: filledText,
    create_time: optional(time),
    update_time: optional(time),
    enroll_status: fallback(
      z.preprocess(
        (value) => (value === "" ? "unspecified" : value),
        oneOf(["unspecified", "not_enrolled", "enrolled"]),
      ),
      "unspecified",
    ),
    owner: optional(text),
    credential: optional(credential),
    source: optional(
      z.strictObject({
        name: optional(text),
        origin: oneOfOrNothing(["unspecified", "api", "jamf", "intune"]),
      }),
    ),
    profile: optional(profile),
    collected_data: optional(mapList(collectedData)),
  }),
});

/** A device as a canonical document; `metadata.name` is the device id. */
export type Device = z.output<typeof deviceSchema>;

/** The key of an enrolled device, and how far its genuineness was proved. */
export type DeviceCredential = z.output<typeof credential>;

/** What a device reported about itself at one ceremony. */
export type DeviceCollectedData = z.output<typeof collectedData>;

/** What an inventory service (MDM) says of a device. */
export type DeviceProfile = z.output<typeof profile>;
