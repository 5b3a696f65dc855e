/**
 * `kind: session_recording_config` (`src`), version v2: where sessions are recorded. One per
 * cluster.
 */
import * as z from "zod";
import { singletonMetadata } from "./metadata.ts";
import { fallback, flag, oneOf, optional, text } from "./scalar.ts";

/** Who records, and whether a recording is sent while the session runs (`-sync`). */
export const recordingModes = ["node", "node-sync", "proxy", "proxy-sync", "off"] as const;

/** Strict schema of the recording config; its output is the canonical document. */
export const sessionRecordingConfigSchema = z.strictObject({
  kind: z.literal("session_recording_config"),
  sub_kind: optional(text),
  version: fallback(oneOf(["v2"]), "v2"),
  metadata: singletonMetadata("session-recording-config"),
  spec: fallback(
    z.strictObject({
      mode: fallback(oneOf(recordingModes), "node"),
      proxy_checks_host_keys: fallback(flag, true),
    }),
    {},
  ),
});

/** The recording config as a canonical document. */
export type SessionRecordingConfig = z.output<typeof sessionRecordingConfigSchema>;
