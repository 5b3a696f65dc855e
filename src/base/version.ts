/** The version of the product, in one place so that `version` commands need no file. */

/** Semantic version, as in package.json (a test compares). */
export const productVersion = "0.1.0";

/** The line that `version` commands print. */
export function versionLine(): string {
  return `Gatehouse v${productVersion} node${process.versions.node}`;
}
