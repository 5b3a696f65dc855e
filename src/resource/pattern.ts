/**
 * The form of one value pattern in a role: `^…$` is a regular expression (RE2 syntax, the subset that JavaScript
 * shares), anything else a literal in which `*` stands for any text. Matching is in `access`.
 */

/** What is wrong with a pattern, as the end of a sentence, or undefined. */
export function patternProblem(pattern: string): string | undefined {
  if (!pattern.startsWith("^") || !pattern.endsWith("$")) return undefined;
  if (pattern.length > 1000) return "is longer than 1000 characters";
  if (/\(\?(?:[=!]|<[=!])/.test(pattern)) return "uses look-around, which patterns do not have";
  if (/\\[1-9]/.test(pattern)) return "uses a back-reference, which patterns do not have";
  try {
    new RegExp(pattern.replace(/^\^\(\?i\)/, "^"), "u");
    return undefined;
  } catch (error) {
    const reason = error instanceof Error ? error.message.split(": ").at(-1) : undefined;
    return `is not a regular expression: ${reason ?? "it cannot be read"}`;
  }
}
