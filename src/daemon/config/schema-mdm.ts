/**
 * The shape of `jamf_service` and `intune_service`: strict, with defaults. A section that stands in a file runs, unless it
 * says `enabled: no`. What a service cannot run without is judged in `resolve-mdm.ts`, because a section that is off may
 * lack it.
 */
import * as z from "zod";
import {
  count,
  duration,
  fallback,
  filledText,
  flag,
  mapList,
  oneOf,
  oneOfOrNothing,
  optional,
  text,
} from "#resource/scalar.ts";

/** An https URL without a slash at its end. */
const httpsUrl = text.transform((given, context) => {
  const url = URL.canParse(given) ? new URL(given) : undefined;
  const plain = url && url.username === "" && url.password === "" && !url.search && !url.hash;
  if (url?.protocol === "https:" && url.hostname !== "" && plain) {
    return `${url.origin}${url.pathname}`.replace(/\/+$/, "");
  }
  context.issues.push({
    code: "custom",
    input: given,
    message: `"${given.slice(0, 60)}" is not an https address`,
    params: { suggestion: "write it as in https://example.com/api" },
  });
  return z.NEVER;
});

/** A duration; 0 and -1 stand for never. */
const period = z.preprocess((value) => (Number(value) === -1 ? "0s" : value), duration);

const pageSize = count.refine((size) => size <= 2000, "must be at most 2000");

const schedule = {
  sync_period_partial: optional(period),
  sync_period_full: optional(period),
  on_missing: oneOfOrNothing(["NOOP", "DELETE"]),
  page_size: fallback(pageSize, 0),
};

const common = {
  enabled: fallback(flag, true),
  sync_delay: fallback(duration, "0s"),
  exit_on_sync: fallback(flag, false),
  on_owner_change: fallback(oneOf(["NOOP", "UNENROLL"]), "NOOP"),
};

/** Strict schema of `jamf_service`. */
export const jamfService = z.strictObject({
  ...common,
  name: fallback(filledText, "jamf"),
  api_endpoint: optional(httpsUrl),
  client_id: optional(filledText),
  client_secret_file: optional(filledText),
  username: optional(filledText),
  password_file: optional(filledText),
  inventory: optional(mapList(z.strictObject({ filter_rsql: fallback(text, ""), ...schedule }))),
});

/** Strict schema of `intune_service`. */
export const intuneService = z.strictObject({
  ...common,
  name: fallback(filledText, "intune"),
  api_endpoint: fallback(httpsUrl, "https://graph.microsoft.com/v1.0"),
  login_endpoint: fallback(httpsUrl, "https://login.microsoftonline.com"),
  tenant: optional(filledText),
  client_id: optional(filledText),
  client_secret_file: optional(filledText),
  inventory: optional(mapList(z.strictObject({ filter_odata: fallback(text, ""), ...schedule }))),
});

/** `jamf_service` as it stands, defaults filled in. */
export type JamfSection = z.output<typeof jamfService>;

/** `intune_service` as it stands, defaults filled in. */
export type IntuneSection = z.output<typeof intuneService>;
