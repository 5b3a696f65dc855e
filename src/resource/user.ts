/**
 * `kind: user`, version v2: a person (or bot) who may log in. Passwords and second factors are not
 * part of the document: they are kept apart by auth and are never shown.
 */
import * as z from "zod";
import { traits } from "./labels.ts";
import { metadata } from "./metadata.ts";
import { count, fallback, flag, mapList, oneOf, optional, text, textList, time } from "./scalar.ts";
import { zeroTime } from "./time.ts";

const externalIdentity = z.strictObject({
  connector_id: optional(text),
  username: optional(text),
  samlSingleLogoutUrl: optional(text),
  user_id: optional(text),
});

const createdBy = z.strictObject({
  connector: optional(
    z.strictObject({ type: optional(text), id: optional(text), identity: optional(text) }),
  ),
  time: fallback(time, zeroTime),
  user: optional(z.strictObject({ name: text })),
});

const loginStatus = z.strictObject({
  is_locked: fallback(flag, false),
  locked_message: optional(text),
  locked_time: fallback(time, zeroTime),
  lock_expires: fallback(time, zeroTime),
});

/** Strict schema of a user; its output is the canonical document. */
export const userSchema = z.strictObject({
  kind: z.literal("user"),
  sub_kind: optional(text),
  version: fallback(oneOf(["v2"]), "v2"),
  metadata,
  spec: fallback(
    z.strictObject({
      oidc_identities: optional(mapList(externalIdentity)),
      saml_identities: optional(mapList(externalIdentity)),
      github_identities: optional(mapList(externalIdentity)),
      roles: fallback(textList, []),
      traits: fallback(traits, {}),
      status: fallback(loginStatus, {}),
      /** Zero time: never. */
      expires: fallback(time, zeroTime),
      created_by: fallback(createdBy, {}),
      trusted_device_ids: optional(textList),
    }),
    {},
  ),
  /** Kept by auth. `password_state`: 1 unset, 2 set. */
  status: optional(
    z.strictObject({
      password_state: optional(count),
      mfa_weakest_device: optional(count),
    }),
  ),
});

/** A user as a canonical document. */
export type User = z.output<typeof userSchema>;
