/** Positional arguments of a command, as values. Their order is the order of the keys. */

/** One positional argument. */
export interface Argument {
  readonly kind: "required" | "optional" | "many" | "rest";
  readonly summary: string;
}

/** Arguments by key, in order. Only the last may be `many` or `rest`. */
export type Arguments = Readonly<Record<string, Argument>>;

/** Must be given. */
export function required(summary: string): Argument & { readonly kind: "required" } {
  return { kind: "required", summary };
}

/** May be left out. */
export function optional(summary: string): Argument & { readonly kind: "optional" } {
  return { kind: "optional", summary };
}

/** Any number of words, none included; flags are still recognised between them. */
export function many(summary: string): Argument & { readonly kind: "many" } {
  return { kind: "many", summary };
}

/**
 * Everything behind the arguments before it, untouched: `-x` and `--long` belong to the other command,
 * as in `tsh ssh root@host ls -l`. One `--` directly in front is dropped.
 */
export function rest(summary: string): Argument & { readonly kind: "rest" } {
  return { kind: "rest", summary };
}

/** The values of the arguments, by the same keys. */
export type ArgumentValues<A extends Arguments> = {
  readonly [K in keyof A]: A[K]["kind"] extends "required"
    ? string
    : A[K]["kind"] extends "optional"
      ? string | undefined
      : readonly string[];
};
