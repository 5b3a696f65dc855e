/**
 * Compares what a command printed with its transcript, line by line. Both sides are masked the same way, so that a
 * transcript may keep the guide's own times and ids.
 */

/** What differs from run to run, and what stands for it on both sides. */
const masks: readonly (readonly [RegExp, string])[] = [
  [/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4} \S+/g, "<time>"],
  [/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, "<time>"],
  [/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d( UTC)?/g, "<time>"],
  [/\[valid for \d+h\d+m\d+s\]/g, "[valid for <duration>]"],
  [/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, "<id>"],
  [/(<id>)\/(?:<credential>|[\w+/=-]{43})/g, "$1/<credential>"],
  [/\b[0-9A-F]{2}(:[0-9A-F]{2}){31}\b/g, "<fingerprint>"],
  [/v\d+\.\d+\.\d+ node\d+\.\d+\.\d+/g, "v<version> node<version>"],
];

/** A line as it is compared. */
export function maskLine(line: string): string {
  return masks.reduce((text, [pattern, name]) => text.replace(pattern, name), line).trimEnd();
}

/** Says where output and expectation part, or gives undefined when they agree. */
export function findDifference(
  expected: readonly string[],
  actual: readonly string[],
): string | undefined {
  const wanted = withoutBlankEnd(expected.map(maskLine));
  const shown = withoutBlankEnd(actual.map(maskLine));
  if (matches(wanted, shown)) return undefined;
  const at = wanted.findIndex((_, index) => !startsWith(wanted.slice(0, index + 1), shown));
  const line = at < 0 ? "the end of the output" : `"${wanted[at]}"`;
  return `expected ${line} in:\n${shown.map((text) => `  | ${text}`).join("\n")}`;
}

/** True when the lines are those that are wanted, where "..." stands for any. */
function matches(wanted: readonly string[], shown: readonly string[]): boolean {
  const [first, ...rest] = wanted;
  if (first === undefined) return shown.length === 0;
  if (first !== "...") return first === shown[0] && matches(rest, shown.slice(1));
  for (let skipped = 0; skipped <= shown.length; skipped++) {
    if (matches(rest, shown.slice(skipped))) return true;
  }
  return false;
}

function startsWith(wanted: readonly string[], shown: readonly string[]): boolean {
  return matches([...wanted, "..."], shown);
}

function withoutBlankEnd(lines: readonly string[]): string[] {
  const kept = [...lines];
  while (kept.at(-1) === "") kept.pop();
  return kept;
}
