/** Compares two recordings field by field. */

/** One sentence for each field in which they differ, with its path; none when they are the same. */
export function differences(then: unknown, now: unknown, path = ""): readonly string[] {
  if (isFields(then) && isFields(now)) {
    const names = new Set([...Object.keys(then), ...Object.keys(now)]);
    return [...names].flatMap((name) =>
      differences(field(then, name), field(now, name), path === "" ? name : `${path}.${name}`),
    );
  }
  if (Object.is(then, now)) return [];
  return [`${path}: recorded ${JSON.stringify(then)}, now ${JSON.stringify(now)}`];
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

/** An inherited name is no field. */
function field(value: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(value, name) ? value[name] : undefined;
}
