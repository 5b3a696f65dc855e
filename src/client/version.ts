/** The version of the client programs, in one place so that `version` needs no file. */

/** Semantic version of the product, as in package.json (a test compares). */
export const productVersion = "0.1.0";

/** The version of the public API that we speak; sent as metadata `version`. */
export const version = "18.0.0";

/** The line that `version` commands print. */
export function versionLine(): string {
  return `Gatehouse v${productVersion} node${process.versions.node}`;
}
