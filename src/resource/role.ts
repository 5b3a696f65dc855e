/**
 * `kind: role`, versions v3 to v8: what its holders may and may not do. Deny wins over allow, in
 * every role.
 */
import * as z from "zod";
import { metadata } from "./metadata.ts";
import { roleConditions } from "./role-conditions.ts";
import { fillRoleDefaults } from "./role-defaults.ts";
import { roleOptions } from "./role-options.ts";
import { fallback, oneOf, optional, text } from "./scalar.ts";

/** The versions that a role may have; they differ in the defaults that are filled in. */
export const roleVersions = ["v3", "v4", "v5", "v6", "v7", "v8"] as const;

/** Strict schema of a role; its output is the canonical document with its defaults. */
export const roleSchema = z
  .strictObject({
    kind: z.literal("role"),
    sub_kind: optional(text),
    version: fallback(oneOf(roleVersions), "v7"),
    metadata,
    spec: fallback(
      z.strictObject({
        options: fallback(roleOptions, {}),
        allow: fallback(roleConditions, {}),
        deny: fallback(roleConditions, {}),
      }),
      {},
    ),
  })
  .transform(fillRoleDefaults);

/** A role as a canonical document, defaults filled in. */
export type Role = z.output<typeof roleSchema>;
