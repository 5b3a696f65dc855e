/**
 * What the names of an expression mean in one use of the language: a table of identifiers with their types and a
 * table of functions. Both are looked up as own properties only, so that no inherited name is ever found.
 */

/** A value during evaluation. `undefined` is what is absent: a label or field that is not there. */
export type Value =
  | string
  | number
  | boolean
  | undefined
  | readonly Value[]
  | { readonly [key: string]: Value };

/**
 * Type of an expression, known before evaluation: `strings` maps keys to strings, `lists` maps keys to lists of
 * strings, `document` is any part of a resource, whose type shows only at evaluation, `age` is how long ago something was
 * (milliseconds; only functions take it).
 */
export type ValueType =
  | "string"
  | "number"
  | "boolean"
  | "list"
  | "strings"
  | "lists"
  | "document"
  | "age";

/**
 * Type of a parameter: `list` also takes a string, as a list of one; `text` takes a string or a list of strings and
 * keeps which it was; `pattern` is a regular expression, `version` a version number, `duration` a duration: texts that are
 * checked before evaluation where they are written out; `any` takes everything.
 */
export type ParamType = ValueType | "text" | "any" | "pattern" | "version" | "duration";

/** What a function may use besides its arguments. */
export interface CallContext {
  /** The values that the whole expression sees. */
  readonly values: Values;
  /** Takes `units` from the cost that is left; throws `invalid` when nothing is left. */
  spend(units: number): void;
  /** The failure to throw for a value that cannot be decided about: the rest of the expression may decide alone. */
  undecided(message: string): Error;
}

/** A function of the language. Arguments arrive checked and converted to the parameter types. */
export interface FunctionSpec {
  readonly params: readonly ParamType[];
  /** Type of any number of further arguments. */
  readonly rest?: ParamType;
  /** Type of the result; `first` is the type of the first argument. */
  readonly result: ValueType | "first";
  readonly call: (args: readonly Value[], context: CallContext) => Value;
}

/** Values of the identifiers, by dotted name. A name that is missing here makes evaluation fail. */
export type Values = Readonly<Record<string, Value>>;

/** Meaning of the names in one use of the language. */
export interface Scope {
  /** Type of each identifier, by dotted name: `user.metadata.name`. */
  readonly identifiers: Readonly<Record<string, ValueType>>;
  readonly functions: Readonly<Record<string, FunctionSpec>>;
  /** The only texts that an identifier ever has, where there are such: comparing it with another one is refused. */
  readonly words: Readonly<Record<string, readonly string[]>>;
}

/** Makes a scope whose tables inherit nothing. */
export function defineScope(
  identifiers: Record<string, ValueType>,
  functions: Record<string, FunctionSpec>,
  words: Record<string, readonly string[]> = {},
): Scope {
  return {
    words: Object.freeze(Object.assign(Object.create(null), words)),
    identifiers: Object.freeze(Object.assign(Object.create(null), identifiers)),
    functions: Object.freeze(Object.assign(Object.create(null), functions)),
  };
}
