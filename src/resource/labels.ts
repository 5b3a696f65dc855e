/**
 * Labels and traits. Labels of a resource are plain texts; labels that a role asks for are
 * patterns: one or several per key, each a literal, a glob with `*`, a regular expression `^…$` or
 * a template. This file checks the form; matching is in `access`.
 */
import * as z from "zod";
import { assertLabelPattern, failureOf } from "./language.ts";
import { listOf, text } from "./scalar.ts";

const noPrototypeKey = z
  .string()
  .refine((key) => key !== "__proto__", 'must not be called "__proto__"');

function sorted<T>(record: Record<string, T>): Record<string, T> {
  const entries = Object.entries(record);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}

/** Labels of a resource: text by key. */
export const labels = z.record(noPrototypeKey, text).transform(sorted);

/** Lists of texts by name, such as the traits of a user. */
export const traits = z
  .record(
    noPrototypeKey,
    z.preprocess((value) => value ?? [], listOf(text)),
  )
  .transform(sorted);

/**
 * Labels that a role asks for: lists of patterns by key; the key `*` stands for any and takes `*`
 * only.
 */
export const labelPatterns = z
  .record(noPrototypeKey, listOf(text))
  .superRefine((record, context) => {
    for (const [key, values] of Object.entries(record)) {
      if (key === "*" && (values.length !== 1 || values[0] !== "*")) {
        context.addIssue({
          code: "custom",
          path: [key],
          message: 'the label "*" stands for every label and takes the value "*" only',
          params: { suggestion: "name the label whose value you mean" },
        });
        continue;
      }
      for (const [index, value] of values.entries()) {
        const failure = failureOf(() => assertLabelPattern(value));
        if (failure === undefined) continue;
        context.addIssue({
          code: "custom",
          path: [key, index],
          message: failure.message,
          params: { suggestion: failure.suggestion },
        });
      }
    }
  })
  .transform(sorted);

/** Label patterns as they are shown: a list of one is shown as the one value. */
export function presentLabelPatterns(
  patterns: Readonly<Record<string, readonly string[]>>,
): Record<string, string | readonly string[]> {
  return Object.fromEntries(
    Object.entries(patterns).map(([key, values]) => [
      key,
      values.length === 1 && values[0] !== undefined ? values[0] : values,
    ]),
  );
}
