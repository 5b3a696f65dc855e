/** Labels whose values a command prints, as a heartbeat carries them: how often it runs, the command, its last result. */
import * as z from "zod";
import { duration, fallback, text, textList } from "./scalar.ts";

const noPrototypeKey = z.string().refine((key) => key !== "__proto__");

/** Strict schema of dynamic labels by name. */
export const dynamicLabels = z.record(
  noPrototypeKey,
  z.strictObject({
    /** How often the command runs. */
    period: fallback(duration, "1m0s"),
    command: textList.refine((command) => command.length > 0, "must name a program"),
    result: fallback(text, ""),
  }),
);

/** Static labels and the results of dynamic ones together; a dynamic label wins over a static one of the same name. */
export function mergeLabels(
  fixed: Readonly<Record<string, string>> = {},
  dynamic: z.output<typeof dynamicLabels> = {},
): Record<string, string> {
  const results = Object.entries(dynamic).map(([key, { result }]) => [key, result] as const);
  return { ...fixed, ...Object.fromEntries(results) };
}
