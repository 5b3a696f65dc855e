/**
 * What services are told of an enrolled device, to hold posture rules against. It is no resource that anybody writes: auth
 * makes it of the inventory, and sends it anew when it changes. A fact that is left out is not known.
 */
import * as z from "zod";
import { osTypes } from "./device.ts";

/** How far it was proved where a device's key lives; `unspecified` is a bare key. */
export const attestationTiers = [
  "unspecified",
  "tpm_ekpub",
  "tpm_ekcert",
  "tpm_ekcert_trusted",
] as const;

/** Strict schema of the facts. Times are ISO 8601. */
export const deviceFactsSchema = z.strictObject({
  /** The credential that the device is enrolled with: facts say nothing about a certificate with another one. */
  credential_id: z.string(),
  asset_tag: z.string(),
  os: z.enum(osTypes),
  os_version: z.string().optional(),
  os_build: z.string().optional(),
  os_id: z.string().optional(),
  model: z.string().optional(),
  attestation: z.enum(attestationTiers),
  secure_boot: z.boolean().optional(),
  /** Empty for a device that no inventory service has claimed. */
  source: z.string(),
  origin: z.enum(["", "api", "jamf", "intune"]),
  owner: z.string(),
  /** When the device last proved itself, and said what is told here. */
  data_time: z.iso.datetime().optional(),
  /** When the inventory service last wrote its profile. */
  profile_time: z.iso.datetime().optional(),
  /** Whether what the device said agrees with its profile; absent without one. */
  profile_agrees: z.boolean().optional(),
});

/** The facts of one device. */
export type DeviceFacts = z.output<typeof deviceFactsSchema>;
