/** Labels as a flag gives them. */
import { Fault } from "#base/fault.ts";

/** Labels of pairs such as `env=prod`. Throws `usage`. */
export function readLabels(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf("=");
      if (at < 1) {
        throw new Fault("usage", `invalid --labels: ${pair}`, { hint: "write key=value" });
      }
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}
