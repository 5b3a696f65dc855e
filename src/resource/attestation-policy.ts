/**
 * `kind: attestation_policy`, version v1: what the cluster demands of the TPMs and the boots of its devices, beyond the
 * list of TPM makers in `cluster_auth_preference`. Our own kind (docs/decisions/0019-attestation-policy.md). One per cluster.
 */
import * as z from "zod";
import { parseDuration } from "#base/duration.ts";
import { singletonMetadata } from "./metadata.ts";
import {
  count,
  duration,
  fallback,
  filledText,
  flag,
  listOf,
  mapList,
  oneOf,
  optional,
  text,
  time,
} from "./scalar.ts";

/** Systems whose devices prove their boot with a TPM. */
export const measuredSystems = ["linux", "windows"] as const;

const most = { rules: 50, firmware: 1000 };

const pcr = count.refine((value) => value < 24, "must be the index of a PCR: 0 to 23");

/** SHA-256 value of a PCR. */
const pcrValue = text.refine(
  (value) => /^[0-9a-f]{64}$/.test(value),
  "must be a SHA-256 value: 64 hexadecimal digits in lower case",
);

const firmware = z
  .strictObject({
    /** The version that the firmware measures of itself; `*` at the end stands for any rest. */
    version: optional(filledText),
    /** What PCR 0 holds after it: stronger, because firmware can lie about its version. */
    pcr0: optional(pcrValue),
  })
  .refine(
    ({ version, pcr0 }) => version !== undefined || pcr0 !== undefined,
    "must have a version, the value of pcr0, or both",
  );

const rule = z
  .strictObject({
    name: filledText.refine(
      (value) => /^[a-z0-9][a-z0-9-]{0,62}$/.test(value),
      "must be at most 63 lower-case letters, digits and dashes",
    ),
    /** Devices of these systems. */
    os: fallback(listOf(oneOf(measuredSystems)), [...measuredSystems]),
    /** `report` writes an audit event about a device that fails; `enforce` refuses it. */
    mode: fallback(oneOf(["report", "enforce"]), "report"),
    /** The event log must be there and lead to the quoted PCR values. */
    event_log: optional(flag),
    /** The event log must prove that Secure Boot is on. */
    secure_boot: optional(flag),
    /** These PCRs must hold what they held at the enrollment, or when an administrator approved the boot. */
    unchanged_pcrs: optional(listOf(pcr)),
    /** The firmware must be one of these. */
    allowed_firmware: optional(
      mapList(firmware).refine(
        (list) => list.length <= most.firmware,
        `must have at most ${most.firmware} entries`,
      ),
    ),
  })
  .refine(
    ({ event_log, secure_boot, unchanged_pcrs = [], allowed_firmware = [] }) =>
      event_log || secure_boot || unchanged_pcrs.length > 0 || allowed_firmware.length > 0,
    "demands nothing: set event_log, secure_boot, unchanged_pcrs or allowed_firmware",
  );

const intervals = { shortest: "1m", longest: "24h" };

const interval = duration.refine(
  (value) =>
    parseDuration(value) >= parseDuration(intervals.shortest) &&
    parseDuration(value) <= parseDuration(intervals.longest),
  `must be between ${intervals.shortest} and ${intervals.longest}`,
);

const spec = z.strictObject({
  /** Accept keys of Windows devices that sign with SHA-1, as the Windows key provider makes them. */
  allow_sha1_on_windows: fallback(flag, false),
  measured_boot: fallback(
    mapList(rule)
      .refine((list) => list.length <= most.rules, `must have at most ${most.rules} rules`)
      .refine(
        (list) => new Set(list.map(({ name }) => name)).size === list.length,
        "must not name two rules alike",
      ),
    [],
  ),
  /** Where a trusted device is demanded, it must have proved itself within this time, or its sessions end. */
  reattestation: optional(
    z.strictObject({
      every: interval,
      /** When the interval was set; auth writes it. Sessions of before have a whole interval from then. */
      since: optional(time),
    }),
  ),
});

/** Strict schema of the policy; its output is the canonical document. */
export const attestationPolicySchema = z.strictObject({
  kind: z.literal("attestation_policy"),
  sub_kind: optional(text),
  version: fallback(oneOf(["v1"]), "v1"),
  metadata: singletonMetadata("attestation-policy"),
  spec: fallback(spec, {}),
});

/** The attestation policy as a canonical document. */
export type AttestationPolicy = z.output<typeof attestationPolicySchema>;

/** One rule about what devices measure when they boot. A device must satisfy all that it demands. */
export type MeasuredBootRule = AttestationPolicy["spec"]["measured_boot"][number];
