/**
 * Matches the labels of a resource against the labels of a role: values are literals, globs (`a-*`) or regular
 * expressions (`^…$`). Every key must match (and), by any of its values (or). Keys are literal; only `'*': '*'`
 * stands for every resource.
 */
import { Fault } from "#base/fault.ts";
import { compileRegex } from "./regex.ts";

/** Labels of a role: wanted values by key. An empty list matches nothing. */
export type LabelSelector = Readonly<Record<string, readonly string[]>>;

/** Labels of a resource. */
export type Labels = Readonly<Record<string, string>>;

/** True when `text` matches a glob, in which `*` stands for any number of characters. Linear in practice. */
export function matchesGlob(glob: string, text: string): boolean {
  let at = 0;
  let next = 0;
  let star = -1;
  let resume = 0;
  while (at < text.length) {
    if (glob[next] === "*") {
      star = next++;
      resume = at;
    } else if (next < glob.length && glob[next] === text[at]) {
      next++;
      at++;
    } else if (star >= 0) {
      next = star + 1;
      at = ++resume;
    } else {
      return false;
    }
  }
  while (glob[next] === "*") next++;
  return next === glob.length;
}

/** True for a value that is a regular expression: `^…$`. */
function isRegex(pattern: string): boolean {
  return pattern.startsWith("^") && pattern.endsWith("$");
}

/** True when `text` matches a literal, glob or `^…$`. Throws `invalid` or `limit` when the pattern cannot be used. */
export function matchesPattern(pattern: string, text: string): boolean {
  return isRegex(pattern) ? compileRegex(pattern).test(text) : matchesGlob(pattern, text);
}

/** Throws `invalid` for labels that no role may have: a bad regular expression, or `*` with anything but `*`. */
export function assertLabelSelector(selector: LabelSelector): void {
  for (const [key, values] of Object.entries(selector)) {
    if (key === "*" && (values.length !== 1 || values[0] !== "*")) {
      throw new Fault("invalid", `the label key "*" goes only with the value "*"`);
    }
    for (const value of values) if (isRegex(value) && !value.includes("{{")) compileRegex(value);
  }
}

/** True when the labels satisfy the selector. No selector at all matches nothing. Throws like {@link matchesPattern}. */
export function matchLabels(selector: LabelSelector, labels: Labels): boolean {
  const entries = Object.entries(selector);
  if (entries.length === 0) return false;
  return entries.every(([key, values]) => {
    if (key === "*") {
      if (values.length === 1 && values[0] === "*") return true;
      throw new Fault("invalid", `the label key "*" goes only with the value "*"`);
    }
    const label = Object.hasOwn(labels, key) ? labels[key] : undefined;
    return label !== undefined && values.some((value) => matchesPattern(value, label));
  });
}
