/**
 * What helps when a device ceremony was refused, by the reason in its audit event: what the administrator reads and the
 * device never does. Reasons are those of `#tpm/refusal.ts` and `#devicetrust`; those without an entry have no remedy but
 * to look at the device.
 */
import type { AuditEvent } from "./auth-client.ts";

type Help = (assetTag: string) => readonly string[];

const listed: Help = () => [
  "see the certificate on the device, and the authorities: tctl devices ekcert inspect FILE; tctl devices ekcert ls",
  "if you trust the maker: tctl devices ekcert allow FILE",
];

const bound: Help = (tag) => [
  `see what the device is bound to: tctl devices ekcert inspect --asset-tag=${tag}`,
  `if its TPM was replaced: tctl devices ekcert bind --asset-tag=${tag} --file=FILE`,
];

const log: Help = () => [
  "let tsh read the event log on the device; how: tsh device doctor",
  "or leave devices without one to a rule in the mode report: tctl edit attestation_policy",
];

const helps: ReadonlyMap<string, Help> = new Map<string, Help>([
  ["ek_untrusted", listed],
  ["ek_certificate_required", listed],
  ["ek_not_bound", bound],
  ["ek_serial_not_bound", bound],
  [
    "ak_sha1",
    () => ["if it is a Windows device: tctl edit attestation_policy, allow_sha1_on_windows: true"],
  ],
  ["event_log_absent", log],
  ["event_log_unreadable", log],
  ["event_log_unexplained", log],
  ["secure_boot_unclear", log],
  ["secure_boot_off", () => ["switch Secure Boot on in the firmware setup of the device"]],
  [
    "pcr_changed",
    (tag) => [
      `see what changed: tctl devices ekcert inspect --asset-tag=${tag}`,
      `after an update that you know of: tctl devices approve-boot --asset-tag=${tag}`,
    ],
  ],
  [
    "firmware_not_allowed",
    () => ["update the firmware, or allow it: tctl edit attestation_policy, allowed_firmware"],
  ],
  [
    "firmware_unknown",
    () => ["allow it by its value of PCR 0: tctl edit attestation_policy, allowed_firmware"],
  ],
]);

/** Lines for the administrator; none for other events and for reasons without a remedy. */
export function ceremonyHelp({ event, reason, device }: AuditEvent): readonly string[] {
  if (event !== "device.enroll" && event !== "device.authenticate") return [];
  const { asset_tag: tag } = (device ?? {}) as Readonly<Record<string, unknown>>;
  return helps.get(String(reason))?.(typeof tag === "string" ? tag : "TAG") ?? [];
}
