/** Optional properties that are left out, not set to undefined, when there is no value. */

/** `{ [key]: value }`, or `{}` when the value is undefined. */
export function present<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: V };
}
