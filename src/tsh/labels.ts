/** Labels as lists show them. */

/** Labels that the product sets for itself. */
const internalLabel = /^teleport\.(?:internal|hidden)\//u;

/** The labels without those that are nobody's business. */
export function shownLabels(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).filter(([key]) => !internalLabel.test(key)));
}
