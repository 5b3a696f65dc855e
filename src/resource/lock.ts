/** `kind: lock`, version v2: denies everything to whatever its target names, until it expires. */
import * as z from "zod";
import { metadataWithoutName } from "./metadata.ts";
import { fallback, oneOf, optional, text, time } from "./scalar.ts";

const target = z
  .strictObject({
    user: optional(text),
    role: optional(text),
    login: optional(text),
    node: optional(text),
    mfa_device: optional(text),
    windows_desktop: optional(text),
    access_request: optional(text),
    device: optional(text),
    server_id: optional(text),
    bot_instance_id: optional(text),
    join_token: optional(text),
  })
  .transform((given) => {
    const kept: LockTarget = {};
    for (const [key, value] of Object.entries(given)) {
      if (value !== undefined && value !== "") kept[key as keyof LockTarget] = value;
    }
    return kept;
  })
  .refine((given) => Object.keys(given).length > 0, {
    message: "at least one target field must be set",
    params: {
      suggestion: "name a user, role, login, device, server_id, mfa_device or access_request",
    },
  });

/** What a lock strikes: each field that is set, by itself. */
export interface LockTarget {
  user?: string;
  role?: string;
  login?: string;
  /** Old name of `server_id`. */
  node?: string;
  mfa_device?: string;
  windows_desktop?: string;
  access_request?: string;
  /** A device id. */
  device?: string;
  server_id?: string;
  bot_instance_id?: string;
  join_token?: string;
}

/**
 * Strict schema of a lock; its output is the canonical document. An empty name asks the server for
 * one.
 */
export const lockSchema = z.strictObject({
  kind: z.literal("lock"),
  sub_kind: optional(text),
  version: fallback(oneOf(["v2"]), "v2"),
  metadata: metadataWithoutName,
  spec: z.strictObject({
    target,
    message: optional(text),
    expires: optional(time),
    created_at: optional(time),
    created_by: optional(text),
  }),
});

/** A lock as a canonical document. */
export type Lock = z.output<typeof lockSchema>;
