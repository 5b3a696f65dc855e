/**
 * Parser of regular expressions in the RE2 dialect, the one that resources are written in
 * (https://github.com/google/re2/wiki/Syntax). Look-around and back references do not exist there, which is what
 * makes matching linear. Not supported and refused: Unicode classes, \Q…\E, flags after the start.
 */
import { Fault } from "#base/fault.ts";

/** Longest pattern, in UTF-16 units. */
export const maxPatternLength = 1024;
/** Largest count in `{n,m}`. */
const maxRepeat = 1000;
const maxDepth = 64;

/** True when a code point belongs to a class. */
export type CharTest = (code: number) => boolean;

/** What holds between two characters: start or end of the text, or a word boundary. */
export type Assertion = "start" | "end" | "boundary" | "no-boundary";

/** A node of a parsed pattern. */
export type RegexNode =
  | { readonly type: "char"; readonly test: CharTest }
  | { readonly type: "assert"; readonly assertion: Assertion }
  | { readonly type: "sequence"; readonly items: readonly RegexNode[] }
  | { readonly type: "choice"; readonly items: readonly RegexNode[] }
  | { readonly type: "group"; readonly index: number; readonly body: RegexNode }
  | {
      readonly type: "repeat";
      readonly body: RegexNode;
      readonly min: number;
      /** `Infinity` for `*` and `+`. */
      readonly max: number;
      readonly greedy: boolean;
    };

/** A parsed pattern: the tree, the number of groups, and the groups that have names. */
export interface ParsedRegex {
  readonly root: RegexNode;
  readonly groups: number;
  readonly names: ReadonlyMap<string, number>;
}

/** Parses a pattern. Throws `invalid` for what is no pattern of this dialect or exceeds a bound. */
export function parseRegex(pattern: string): ParsedRegex {
  return new RegexParser(pattern).parse();
}

const isDigit: CharTest = (code) => code >= 0x30 && code <= 0x39;
const isUpper: CharTest = (code) => code >= 0x41 && code <= 0x5a;
const isLower: CharTest = (code) => code >= 0x61 && code <= 0x7a;
const isLetter: CharTest = (code) => isUpper(code) || isLower(code);
const isSpace: CharTest = (code) =>
  code === 0x20 || (code >= 0x09 && code <= 0x0d && code !== 0x0b);

/** The `\w` of RE2: ASCII letters, digits and underscore. */
export const isWord: CharTest = (code) => isLetter(code) || isDigit(code) || code === 0x5f;

const not =
  (test: CharTest): CharTest =>
  (code) =>
    !test(code);

const classes: ReadonlyMap<string, CharTest> = new Map([
  ["d", isDigit],
  ["D", not(isDigit)],
  ["w", isWord],
  ["W", not(isWord)],
  ["s", isSpace],
  ["S", not(isSpace)],
]);

const posixClasses: ReadonlyMap<string, CharTest> = new Map([
  ["alnum", (code: number) => isLetter(code) || isDigit(code)],
  ["alpha", isLetter],
  ["digit", isDigit],
  ["lower", isLower],
  ["upper", isUpper],
  ["space", (code: number) => isSpace(code) || code === 0x0b],
  ["word", isWord],
  ["xdigit", (code: number) => isDigit(code) || /[a-fA-F]/.test(String.fromCodePoint(code))],
  ["punct", (code: number) => code > 0x20 && code < 0x7f && !isLetter(code) && !isDigit(code)],
]);

const controls: ReadonlyMap<string, number> = new Map([
  ["a", 7],
  ["f", 12],
  ["n", 10],
  ["r", 13],
  ["t", 9],
  ["v", 11],
]);

const assertions: ReadonlyMap<string, Assertion> = new Map([
  ["A", "start"],
  ["z", "end"],
  ["b", "boundary"],
  ["B", "no-boundary"],
]);

class RegexParser {
  readonly #pattern: string;
  readonly #characters: readonly string[];
  readonly #names = new Map<string, number>();
  #next = 0;
  #groups = 0;
  #depth = 0;
  #ignoreCase = false;
  #dotAll = false;

  constructor(pattern: string) {
    if (pattern.length > maxPatternLength) {
      throw new Fault("invalid", `regular expression longer than ${maxPatternLength} characters`);
    }
    this.#pattern = pattern;
    this.#characters = [...pattern];
  }

  parse(): ParsedRegex {
    this.#parseFlags();
    const root = this.#parseChoice();
    if (this.#next < this.#characters.length) throw this.#fault(`unexpected "${this.#peek()}"`);
    return { root, groups: this.#groups, names: this.#names };
  }

  #parseFlags(): void {
    const flags = /^\(\?([is]+)\)/.exec(this.#pattern);
    if (flags === null) return;
    this.#ignoreCase = flags[1]?.includes("i") ?? false;
    this.#dotAll = flags[1]?.includes("s") ?? false;
    this.#next = flags[0].length;
  }

  #parseChoice(): RegexNode {
    this.#depth++;
    if (this.#depth > maxDepth) throw this.#fault(`groups nested deeper than ${maxDepth} levels`);
    const items = [this.#parseSequence()];
    while (this.#accept("|")) items.push(this.#parseSequence());
    this.#depth--;
    return items.length === 1 && items[0] !== undefined ? items[0] : { type: "choice", items };
  }

  #parseSequence(): RegexNode {
    const items: RegexNode[] = [];
    while (this.#peek() !== "" && this.#peek() !== "|" && this.#peek() !== ")") {
      items.push(this.#parseRepeat(this.#parseAtom()));
    }
    return { type: "sequence", items };
  }

  #parseRepeat(body: RegexNode): RegexNode {
    const bounds = this.#parseBounds();
    if (bounds === undefined) return body;
    const greedy = !this.#accept("?");
    if (["*", "+", "?"].includes(this.#peek()) || this.#countedRepeat() !== null) {
      throw this.#fault("two repetitions in a row");
    }
    return { type: "repeat", body, ...bounds, greedy };
  }

  #parseBounds(): { min: number; max: number } | undefined {
    if (this.#accept("*")) return { min: 0, max: Number.POSITIVE_INFINITY };
    if (this.#accept("+")) return { min: 1, max: Number.POSITIVE_INFINITY };
    if (this.#accept("?")) return { min: 0, max: 1 };
    const counted = this.#countedRepeat();
    if (counted === null) return undefined;
    this.#next += counted[0].length;
    const min = Number(counted[1]);
    const max =
      counted[2] === undefined
        ? min
        : counted[3] === ""
          ? Number.POSITIVE_INFINITY
          : Number(counted[3]);
    if (min > max || min > maxRepeat || (max !== Number.POSITIVE_INFINITY && max > maxRepeat)) {
      throw this.#fault(`repetition out of range (at most ${maxRepeat})`);
    }
    return { min, max };
  }

  #countedRepeat(): RegExpExecArray | null {
    return /^\{(\d{1,5})(,(\d{0,5}))?\}/.exec(
      this.#characters.slice(this.#next, this.#next + 14).join(""),
    );
  }

  #parseAtom(): RegexNode {
    const character = this.#take();
    switch (character) {
      case "(":
        return this.#parseGroup();
      case "[":
        return { type: "char", test: this.#parseClass() };
      case ".":
        return { type: "char", test: this.#dotAll ? () => true : (code) => code !== 10 };
      case "^":
        return { type: "assert", assertion: "start" };
      case "$":
        return { type: "assert", assertion: "end" };
      case "*":
      case "+":
      case "?":
        throw this.#fault(`nothing to repeat before "${character}"`);
      case "\\":
        return this.#parseEscape();
      default:
        return { type: "char", test: this.#sameCharacter(character) };
    }
  }

  #parseGroup(): RegexNode {
    let index: number | undefined;
    if (this.#accept("?")) {
      const rest = this.#characters.slice(this.#next, this.#next + 70).join("");
      const named = /^P?<([A-Za-z_]\w{0,63})>/.exec(rest);
      if (named?.[1] !== undefined) {
        this.#next += named[0].length;
        index = ++this.#groups;
        if (this.#names.has(named[1])) throw this.#fault(`two groups named "${named[1]}"`);
        this.#names.set(named[1], index);
      } else if (!this.#accept(":")) {
        throw this.#fault("look-around and inline flags are not supported");
      }
    } else {
      index = ++this.#groups;
    }
    const body = this.#parseChoice();
    if (!this.#accept(")")) throw this.#fault("group without closing bracket");
    return index === undefined ? body : { type: "group", index, body };
  }

  #parseEscape(): RegexNode {
    const assertion = assertions.get(this.#peek());
    if (assertion !== undefined) {
      this.#next++;
      return { type: "assert", assertion };
    }
    const escaped = this.#readEscape();
    const test = typeof escaped === "number" ? this.#sameCode(escaped) : escaped;
    return { type: "char", test };
  }

  /** What follows a backslash: a class, or the code point that it stands for. */
  #readEscape(): CharTest | number {
    const character = this.#take();
    if (character === "") throw this.#fault("backslash at the end");
    const test = classes.get(character);
    if (test !== undefined) return test;
    const control = controls.get(character);
    if (control !== undefined) return control;
    if (character === "x") {
      const digits = this.#characters.slice(this.#next, this.#next + 2).join("");
      if (!/^[0-9a-fA-F]{2}$/.test(digits)) throw this.#fault("\\x needs two hexadecimal digits");
      this.#next += 2;
      return Number.parseInt(digits, 16);
    }
    if (/[A-Za-z0-9]/.test(character))
      throw this.#fault(`escape "\\${character}" is not supported`);
    return character.codePointAt(0) ?? 0;
  }

  #parseClass(): CharTest {
    const negated = this.#accept("^");
    const tests: CharTest[] = [];
    for (let first = true; first || this.#peek() !== "]"; first = false) {
      if (this.#peek() === "") throw this.#fault("class without closing bracket");
      tests.push(this.#parseClassItem());
    }
    this.#next++;
    return (code) => tests.some((test) => test(code)) !== negated;
  }

  #parseClassItem(): CharTest {
    const posix = /^\[:(\^?)(\w{1,10}):\]/.exec(
      this.#characters.slice(this.#next, this.#next + 15).join(""),
    );
    if (posix !== null) {
      const test = posixClasses.get(posix[2] ?? "");
      if (test === undefined) throw this.#fault(`unknown class "${posix[0]}"`);
      this.#next += posix[0].length;
      return posix[1] === "^" ? not(test) : test;
    }
    const low = this.#readClassCharacter();
    if (typeof low !== "number") return low;
    const isRange =
      this.#peek() === "-" &&
      this.#next + 1 < this.#characters.length &&
      this.#characters[this.#next + 1] !== "]";
    if (!isRange) return this.#sameCode(low);
    this.#next++;
    const high = this.#readClassCharacter();
    if (typeof high !== "number" || high < low) throw this.#fault("invalid range in a class");
    if (!this.#ignoreCase) return (code) => code >= low && code <= high;
    return (code) => casesOf(code).some((variant) => variant >= low && variant <= high);
  }

  #readClassCharacter(): CharTest | number {
    const character = this.#take();
    return character === "\\" ? this.#readEscape() : (character.codePointAt(0) ?? 0);
  }

  #sameCharacter(character: string): CharTest {
    return this.#sameCode(character.codePointAt(0) ?? 0);
  }

  #sameCode(wanted: number): CharTest {
    if (!this.#ignoreCase) return (code) => code === wanted;
    const variants = casesOf(wanted);
    return (code) => variants.includes(code);
  }

  #peek(): string {
    return this.#characters[this.#next] ?? "";
  }

  #take(): string {
    const character = this.#peek();
    this.#next++;
    return character;
  }

  #accept(character: string): boolean {
    if (this.#peek() !== character) return false;
    this.#next++;
    return true;
  }

  #fault(message: string): Fault {
    return new Fault("invalid", `regular expression "${this.#pattern}": ${message}`);
  }
}

/** A code point with its upper and lower case. */
function casesOf(code: number): number[] {
  const character = String.fromCodePoint(code);
  return [character, character.toLowerCase(), character.toUpperCase()]
    .filter((variant) => [...variant].length === 1)
    .map((variant) => variant.codePointAt(0) ?? 0);
}
