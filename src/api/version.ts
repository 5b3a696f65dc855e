/** The generation of the public API that we speak, as clients compare it with their own. */
import { productVersion } from "#base/version.ts";

/** What servers and clients say of themselves. */
export const apiVersion = "18.0.0";

/**
 * What auth says of itself to clients that are connected: the API's version, with the product's as build metadata, which
 * no comparison of versions sees (Semantic Versioning 2.0.0, section 10).
 */
export const serverVersion = `${apiVersion}+gatehouse.${productVersion}`;

/** The parts of a server's version; `product` is undefined when the server is none of ours. */
export function splitServerVersion(version: string): {
  readonly api: string;
  readonly product: string | undefined;
} {
  const [, api, product] = /^([^+]*)\+gatehouse\.(.+)$/s.exec(version) ?? [];
  return { api: api ?? version, product };
}

/** The oldest client that is served without a warning. */
export const minimumClientVersion = "17.0.0-aa";
