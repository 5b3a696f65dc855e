/**
 * The head that every resource has. `metadata.id` (a number of old exports) and
 * `metadata.namespace` (always "default") are accepted and dropped.
 */
import * as z from "zod";
import { labels } from "./labels.ts";
import { fallback, filledText, optional, text, time } from "./scalar.ts";

const shape = {
  description: optional(text),
  labels: optional(labels),
  expires: optional(time),
  revision: optional(text),
  id: optional(z.union([z.number(), z.string(), z.bigint()])),
  namespace: optional(text),
};

/** The fields that stay: what a canonical document may hold. */
export interface Metadata {
  name: string;
  description?: string | undefined;
  labels?: Record<string, string> | undefined;
  /** RFC 3339. The store forgets the resource at that time. */
  expires?: string | undefined;
  /** Changes with every write; a conditional write names the one that it read. */
  revision?: string | undefined;
}

function keep(value: Metadata & { id?: unknown; namespace?: unknown }): Metadata {
  const { name, description, labels: given, expires, revision } = value;
  const kept: Metadata = { name };
  if (description !== undefined && description !== "") kept.description = description;
  if (given !== undefined && Object.keys(given).length > 0) kept.labels = given;
  if (expires !== undefined && expires !== "0001-01-01T00:00:00Z") kept.expires = expires;
  if (revision !== undefined && revision !== "") kept.revision = revision;
  return kept;
}

const name = filledText
  .refine(
    (value) => !/[\u0000-\u001f\u007f/]/.test(value) && value.length <= 512,
    "must be at most 512 characters, without slashes and control characters",
  )
  .refine((value) => value !== "." && value !== "..", 'must not be "." or ".."');

/** Metadata of a named resource. */
export const metadata = z.strictObject({ name, ...shape }).transform(keep);

/** Metadata of a resource that exists once in a cluster: its name is fixed and may be left out. */
export function singletonMetadata(only: string) {
  const fixed = fallback(
    filledText.refine((value) => value === only, `must be "${only}": there is one per cluster`),
    only,
  );
  return fallback(z.strictObject({ name: fixed, ...shape }).transform(keep), {});
}

/** Metadata of a resource whose name the server invents when it is left out. */
export const metadataWithoutName = fallback(
  z.strictObject({ name: fallback(text, ""), ...shape }).transform(keep),
  {},
);
