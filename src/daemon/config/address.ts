/** Network addresses of the config file. */
import * as z from "zod";
import { type Address, parseAddress } from "#base/address.ts";
import { text } from "#resource/scalar.ts";

/** Schema of an address. */
export function address(defaultPort: number, defaultHost?: string) {
  return text.transform((given, context): Address => {
    const parsed = parseAddress(given, defaultPort, defaultHost);
    if (parsed !== undefined) return parsed;
    context.issues.push({
      code: "custom",
      input: given,
      message: `"${given.slice(0, 60)}" is not an address`,
      params: { suggestion: `write host:port, as in "0.0.0.0:${defaultPort}"` },
    });
    return z.NEVER;
  });
}
