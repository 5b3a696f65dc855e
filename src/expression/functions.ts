/**
 * The functions of the predicate language. Each use of the language picks the ones it offers (`scopes.ts`). All are
 * pure; those that grow their input or apply patterns pay from the cost budget.
 */
import { parseDurationWithDays } from "#base/duration.ts";
import { compareVersionNumbers, parseVersionNumber } from "#base/version-number.ts";
import { sameScalar } from "./evaluate.ts";
import { matchesGlob } from "./label-match.ts";
import { compileRegex } from "./regex.ts";
import type { FunctionSpec, Value } from "./scope.ts";

const text = (value: Value): string => (typeof value === "string" ? value : "");
const list = (value: Value): readonly string[] => (Array.isArray(value) ? value : []);

/** Applies `change` to a string or to each of a list. */
function mapText(value: Value, change: (item: string) => string): Value {
  return typeof value === "string" ? change(value) : list(value).map(change);
}

/** `equals(a, b)`: the same scalar; what is absent equals "". */
export const equals: FunctionSpec = {
  params: ["any", "any"],
  result: "boolean",
  call: ([a, b]) => sameScalar(a, b),
};

/** `exists(x)`: the label, trait or field is there. */
export const exists: FunctionSpec = {
  params: ["any"],
  result: "boolean",
  call: ([value]) =>
    value !== undefined && value !== null && !(Array.isArray(value) && value.length === 0),
};

/** `hasPrefix(text, prefix)`. */
export const hasPrefix: FunctionSpec = {
  params: ["string", "string"],
  result: "boolean",
  call: ([value, prefix]) => text(value).startsWith(text(prefix)),
};

/** `contains(list, item)`: the item is one of the list. What is absent or empty is in no list. */
export const contains: FunctionSpec = {
  params: ["list", "string"],
  result: "boolean",
  call: ([items, item]) => text(item) !== "" && list(items).includes(text(item)),
};

/** `split(text, separator)`: the parts as a list. */
export const split: FunctionSpec = {
  params: ["string", "string"],
  result: "list",
  call: ([value, separator]) => (text(value) === "" ? [] : text(value).split(text(separator))),
};

/** `search(word, …)`: every word occurs, in any case, in the name, a label or another shown field. */
export const search: FunctionSpec = {
  params: ["string"],
  rest: "string",
  result: "boolean",
  call: (words, context) => {
    const fields = list(context.values[searchableName]).map((field) => field.toLowerCase());
    return words.every((word) => {
      const wanted = text(word).toLowerCase();
      return fields.some((field) => {
        context.spend(field.length);
        return field.includes(wanted);
      });
    });
  },
};

/** Where {@link search} finds its fields among the values; no identifier can have this name. */
export const searchableName = "(searchable)";

/** `contains_any(list, items)`: at least one of the items is in the list. */
export const containsAny: FunctionSpec = {
  params: ["list", "list"],
  result: "boolean",
  call: ([items, wanted], context) => {
    context.spend(list(items).length * list(wanted).length);
    return list(wanted).some((item) => list(items).includes(item));
  },
};

/** `contains_all(list, items)`: every item is in the list; false when there are no items. */
export const containsAll: FunctionSpec = {
  params: ["list", "list"],
  result: "boolean",
  call: ([items, wanted], context) => {
    context.spend(list(items).length * list(wanted).length);
    return list(wanted).length > 0 && list(wanted).every((item) => list(items).includes(item));
  },
};

/** `all_equal(list, text)`: the list is not empty and every item is the text. */
export const allEqual: FunctionSpec = {
  params: ["list", "string"],
  result: "boolean",
  call: ([items, wanted]) =>
    list(items).length > 0 && list(items).every((item) => item === text(wanted)),
};

/** `all_end_with(list, suffix)`: the list is not empty and every item ends with the suffix. */
export const allEndWith: FunctionSpec = {
  params: ["list", "string"],
  result: "boolean",
  call: ([items, suffix]) =>
    list(items).length > 0 && list(items).every((item) => item.endsWith(text(suffix))),
};

/** `is_subset(list, items…)`: the list is not empty and has nothing but the items. */
export const isSubset: FunctionSpec = {
  params: ["list"],
  rest: "string",
  result: "boolean",
  call: ([items, ...allowed]) =>
    list(items).length > 0 && list(items).every((item) => allowed.includes(item)),
};

/** `set(a, b, …)`: a list of these strings. */
export const set: FunctionSpec = {
  params: [],
  rest: "string",
  result: "list",
  call: (args) => args.map(text),
};

/** `strings.upper(text)`. */
export const upper: FunctionSpec = {
  params: ["text"],
  result: "first",
  call: ([value]) => mapText(value, (item) => item.toUpperCase()),
};

/** `strings.lower(text)`. */
export const lower: FunctionSpec = {
  params: ["text"],
  result: "first",
  call: ([value]) => mapText(value, (item) => item.toLowerCase()),
};

/** `email.local(addresses)`: what stands before the `@` of each; what is no address is dropped. */
export const emailLocal: FunctionSpec = {
  params: ["list"],
  result: "list",
  call: ([addresses]) =>
    list(addresses)
      .map(localPart)
      .filter((part) => part !== ""),
};

function localPart(address: string): string {
  const bare = /<([^<>]*)>\s*$/.exec(address)?.[1] ?? address.trim();
  const at = bare.lastIndexOf("@");
  const local = bare.slice(0, Math.max(0, at));
  return at === bare.length - 1 || /[\s,;"@<>]/.test(local) ? "" : local;
}

/** `regexp.match(text, pattern)`: the pattern matches somewhere in the text, or in one of a list. */
export const regexpMatch: FunctionSpec = {
  params: ["list", "pattern"],
  result: "boolean",
  call: ([value, pattern], context) => {
    const regex = compileRegex(text(pattern));
    return list(value).some((item) => {
      context.spend(item.length * regex.size);
      return regex.test(item);
    });
  },
};

/** `regexp.replace(list, pattern, replacement)`: what the pattern does not match is dropped. */
export const regexpReplace: FunctionSpec = {
  params: ["list", "pattern", "string"],
  result: "list",
  call: ([value, pattern, replacement], context) => {
    const regex = compileRegex(text(pattern));
    const replaced: string[] = [];
    for (const item of list(value)) {
      context.spend((item.length + 1) * (regex.size + text(replacement).length));
      if (regex.test(item)) replaced.push(regex.replace(item, text(replacement)));
    }
    return replaced;
  },
};

/** `version_at_least(version, "14.2")`: not the earlier one, number by number. Undecided for what is no version number. */
export const versionAtLeast: FunctionSpec = {
  params: ["string", "version"],
  result: "boolean",
  call: ([value, least], context) => {
    const [numbers, wanted] = [parseVersionNumber(text(value)), parseVersionNumber(text(least))];
    if (numbers !== undefined && wanted !== undefined) {
      return compareVersionNumbers(numbers, wanted) >= 0;
    }
    const odd = text(numbers === undefined ? value : least).slice(0, 40);
    throw context.undecided(`${JSON.stringify(odd)} is not a version number`);
  },
};

/** `at_most(age, "24h")`: it is not longer ago. */
export const atMost: FunctionSpec = {
  params: ["age", "duration"],
  result: "boolean",
  call: ([age, most]) => Number(age) <= parseDurationWithDays(text(most)),
};

/** `labels_matching(glob)`: the values of all labels whose key matches the glob. */
export const labelsMatching: FunctionSpec = {
  params: ["string"],
  result: "list",
  call: ([glob], context) => {
    const labels = (context.values["labels"] ?? {}) as Readonly<Record<string, string>>;
    return Object.entries(labels)
      .filter(([key]) => {
        context.spend(key.length * text(glob).length);
        return matchesGlob(text(glob), key);
      })
      .map(([, value]) => value);
  },
};
