/** Names of clusters: every certificate carries one, and names of servers end with it. */

/** What a name is made of, in a sentence's end. */
export const clusterNameRule =
  "must be made of letters, digits, dots and dashes, as in a host name";

/** True for a text that can name a cluster. */
export function isClusterName(text: string): boolean {
  return /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/.test(text);
}
