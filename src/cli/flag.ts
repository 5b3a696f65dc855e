/**
 * The closed set of flag kinds, as values. A flag's key in a command is camelCase ("setRoles") and is typed
 * `--set-roles` on the command line. The kind decides the type that the command receives.
 */

/** What every kind of flag may say besides its summary. */
export interface FlagOptions {
  /** One letter that may be typed as `-x`. */
  readonly short?: string;
  /** Missing is a usage error. */
  readonly required?: boolean;
  /** Environment variable that gives the value when the flag is absent. */
  readonly env?: string;
  /** What `--help` shows behind the equals sign. */
  readonly placeholder?: string;
  /** Accepted, but shown neither by `--help` nor by completion. */
  readonly hidden?: boolean;
}

interface FlagBase extends FlagOptions {
  readonly summary: string;
}

/** `--name=TEXT`; repeated, the last one counts. */
export interface StringFlag extends FlagBase {
  readonly kind: "string";
}

/** `--name`, `--no-name` or `--name=true|false`; false when absent. */
export interface BooleanFlag extends FlagBase {
  readonly kind: "boolean";
}

/** `--name=12h30m`; milliseconds, more than zero. */
export interface DurationFlag extends FlagBase {
  readonly kind: "duration";
}

/** `--name=a,b --name=c`; empty when absent. */
export interface ListFlag extends FlagBase {
  readonly kind: "list";
  /** False: a comma is part of the value and only repeating makes several. */
  readonly split: boolean;
}

/** `--name=ONE` of the given words. */
export interface ChoiceFlag<Choice extends string = string> extends FlagBase {
  readonly kind: "choice";
  readonly choices: readonly Choice[];
}

/** Any flag. */
export type Flag = StringFlag | BooleanFlag | DurationFlag | ListFlag | ChoiceFlag;

/** Flags by their camelCase key. */
export type Flags = Readonly<Record<string, Flag>>;

/** Fallback for kinds that can be absent. */
interface WithDefault<Value> {
  readonly default?: Value;
}

/** A text flag. Without `required` or `default` its value may be undefined. */
export function string<const O extends FlagOptions & WithDefault<string>>(
  summary: string,
  options?: O,
): StringFlag & O {
  return { kind: "string", summary, ...(options as O) };
}

/** A switch. */
export function boolean<const O extends FlagOptions>(
  summary: string,
  options?: O,
): BooleanFlag & O {
  return { kind: "boolean", summary, ...(options as O) };
}

/** A length of time; the value is in milliseconds. */
export function duration<const O extends FlagOptions & WithDefault<number>>(
  summary: string,
  options?: O,
): DurationFlag & O {
  return { kind: "duration", summary, ...(options as O) };
}

/** A list of words, separated by commas unless `split` is false, or by repeating the flag. */
export function list<const O extends FlagOptions & { readonly split?: boolean }>(
  summary: string,
  options?: O,
): ListFlag & Omit<O, "split"> {
  return { kind: "list", summary, split: true, ...(options as O) };
}

/** One of a closed set of words. */
export function choice<
  const Choice extends string,
  const O extends FlagOptions & WithDefault<NoInfer<Choice>>,
>(choices: readonly Choice[], summary: string, options?: O): ChoiceFlag<Choice> & O {
  return { kind: "choice", choices, summary, ...(options as O) };
}

/** Undefined is possible unless the flag is required or has a default. */
type Absent<F> = F extends { readonly required: true } | { readonly default: string | number }
  ? never
  : undefined;

/** The type that a command receives for a flag. */
export type FlagValue<F extends Flag> = F extends BooleanFlag
  ? boolean
  : F extends ListFlag
    ? readonly string[]
    : F extends DurationFlag
      ? number | Absent<F>
      : F extends ChoiceFlag<infer Choice>
        ? Choice | Absent<F>
        : string | Absent<F>;

/** The values of a set of flags, by the same keys. */
export type FlagValues<F extends Flags> = { readonly [K in keyof F]: FlagValue<F[K]> };

/** The spelling of a flag key on the command line, without dashes: "setRoles" is "set-roles". */
export function flagName(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
