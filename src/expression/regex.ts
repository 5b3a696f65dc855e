/**
 * Regular expressions that always end: patterns run on a thread list (Pike's machine, after Thompson 1968), in time
 * proportional to pattern size times text length, so neither a role author nor an identity provider can stall a
 * decision. The engine of the runtime backtracks and is not used for text that comes from resources.
 */
import { Fault } from "#base/fault.ts";
import {
  type Assertion,
  type CharTest,
  isWord,
  parseRegex,
  type RegexNode,
} from "./regex-syntax.ts";

/** Longest text that a pattern is applied to, in UTF-16 units. */
export const maxRegexText = 4096;
/**
 * Steps that one call may take: instructions visited, and the places of groups that are copied. A replacement searches
 * again after every match.
 */
const maxSteps = 4_000_000;
/** Largest compiled pattern, in instructions; bounds what `{n,m}` may multiply. */
const maxProgram = 2000;

type Instruction =
  | { readonly op: "char"; readonly test: CharTest }
  | { readonly op: "assert"; readonly assertion: Assertion }
  | { readonly op: "split"; first: number; second: number }
  | { readonly op: "jump"; to: number }
  | { readonly op: "save"; readonly slot: number }
  | { readonly op: "match" };

/** Where a match lies: pairs of code point offsets for the whole and each group; -1 for a group without part. */
type Slots = readonly number[];

/** A compiled pattern. */
export interface Regex {
  readonly pattern: string;
  /** Steps that one character of text costs at most. */
  readonly size: number;
  /** True when the pattern matches somewhere in `text`. Throws `limit` when the text is too long. */
  test(text: string): boolean;
  /** `text` with every match replaced; `$1`, `${1}`, `$name` and `$$` work as in Go. */
  replace(text: string, replacement: string): string;
}

const compiled = new Map<string, Regex>();

/** Compiles a pattern. Throws `invalid` for what {@link parseRegex} refuses and for patterns that grow too large. */
export function compileRegex(pattern: string): Regex {
  const known = compiled.get(pattern);
  if (known !== undefined) return known;
  const parsed = parseRegex(pattern);
  const program: Instruction[] = [];
  emit(parsed.root, program, pattern);
  program.push({ op: "match" });
  const machine = new Machine(program, parsed.groups);
  const regex: Regex = {
    pattern,
    size: program.length,
    test: (text) => machine.search(codesOf(text), 0, { left: maxSteps }, true) !== undefined,
    replace: (text, replacement) => replaceAll(machine, text, replacement, parsed.names),
  };
  if (compiled.size >= 256) compiled.clear();
  compiled.set(pattern, regex);
  return regex;
}

function codesOf(text: string): number[] {
  if (text.length > maxRegexText) {
    throw new Fault(
      "limit",
      `text of more than ${maxRegexText} characters for a regular expression`,
    );
  }
  return Array.from(text, (character) => character.codePointAt(0) ?? 0);
}

function emit(node: RegexNode, program: Instruction[], pattern: string): void {
  if (program.length > maxProgram) {
    throw new Fault(
      "invalid",
      `regular expression "${pattern}": too large when repetitions are unrolled`,
    );
  }
  switch (node.type) {
    case "char":
      program.push({ op: "char", test: node.test });
      return;
    case "assert":
      program.push({ op: "assert", assertion: node.assertion });
      return;
    case "sequence":
      for (const item of node.items) emit(item, program, pattern);
      return;
    case "group":
      program.push({ op: "save", slot: node.index * 2 });
      emit(node.body, program, pattern);
      program.push({ op: "save", slot: node.index * 2 + 1 });
      return;
    case "choice":
      emitChoice(node.items, program, pattern);
      return;
    case "repeat":
      emitRepeat(node, program, pattern);
      return;
  }
}

function emitChoice(items: readonly RegexNode[], program: Instruction[], pattern: string): void {
  const jumps: { op: "jump"; to: number }[] = [];
  items.forEach((item, index) => {
    if (index === items.length - 1) {
      emit(item, program, pattern);
      return;
    }
    const split = { op: "split" as const, first: program.length + 1, second: 0 };
    program.push(split);
    emit(item, program, pattern);
    const jump = { op: "jump" as const, to: 0 };
    program.push(jump);
    jumps.push(jump);
    split.second = program.length;
  });
  for (const jump of jumps) jump.to = program.length;
}

function emitRepeat(
  node: RegexNode & { type: "repeat" },
  program: Instruction[],
  pattern: string,
): void {
  for (let i = 0; i < node.min; i++) emit(node.body, program, pattern);
  if (node.max === Number.POSITIVE_INFINITY) {
    const loop = program.length;
    const leave = emitOptional(node, program, pattern);
    program.push({ op: "jump", to: loop });
    leave(program.length);
    return;
  }
  const leaves: ((to: number) => void)[] = [];
  for (let i = node.min; i < node.max; i++) leaves.push(emitOptional(node, program, pattern));
  for (const leave of leaves) leave(program.length);
}

/** Emits a body that may be skipped; the result sets where skipping leads. */
function emitOptional(
  node: RegexNode & { type: "repeat" },
  program: Instruction[],
  pattern: string,
): (to: number) => void {
  const body = program.length + 1;
  const split = { op: "split" as const, first: body, second: body };
  program.push(split);
  emit(node.body, program, pattern);
  return (to) => {
    if (node.greedy) split.second = to;
    else split.first = to;
  };
}

interface Thread {
  readonly at: number;
  readonly slots: Slots;
}

class Machine {
  readonly #program: readonly Instruction[];
  readonly #slotCount: number;

  constructor(program: readonly Instruction[], groups: number) {
    this.#program = program;
    this.#slotCount = (groups + 1) * 2;
  }

  /**
   * The leftmost match from `from` on; among those, the one that the pattern prefers. `any` stops at the first and gives
   * no places, so that groups cost nothing.
   */
  search(
    text: readonly number[],
    from: number,
    budget: { left: number },
    any = false,
  ): Slots | undefined {
    let best: Slots | undefined;
    let threads: Thread[] = [];
    for (let position = from; position <= text.length; position++) {
      const seen = new Uint8Array(this.#program.length);
      const current: Thread[] = [];
      for (const thread of threads) {
        this.#follow(thread, text, position, { seen, budget }, current);
      }
      if (best === undefined) {
        const slots = new Array<number>(any ? 0 : this.#slotCount).fill(-1);
        if (!any) slots[0] = position;
        this.#follow({ at: 0, slots }, text, position, { seen, budget }, current);
      }
      if (budget.left < 0) throw new Fault("limit", "a regular expression takes too many steps");
      threads = [];
      const code = text[position];
      for (const thread of current) {
        const instruction = this.#program[thread.at];
        if (instruction?.op === "match") {
          if (any) return [];
          best = thread.slots.with(1, position);
          break;
        }
        if (instruction?.op === "char" && code !== undefined && instruction.test(code)) {
          threads.push({ at: thread.at + 1, slots: thread.slots });
        }
      }
      if (threads.length === 0 && best !== undefined) return best;
    }
    return best;
  }

  /** Adds the thread and everything reachable without reading a character, in order of preference. */
  #follow(
    start: Thread,
    text: readonly number[],
    position: number,
    { seen, budget }: { readonly seen: Uint8Array; readonly budget: { left: number } },
    into: Thread[],
  ): void {
    const stack = [start];
    for (let thread = stack.pop(); thread !== undefined; thread = stack.pop()) {
      const { at, slots } = thread;
      budget.left--;
      if (seen[at] === 1) continue;
      seen[at] = 1;
      const instruction = this.#program[at];
      switch (instruction?.op) {
        case "jump":
          stack.push({ at: instruction.to, slots });
          break;
        case "split":
          stack.push({ at: instruction.second, slots }, { at: instruction.first, slots });
          break;
        case "save":
          stack.push({ at: at + 1, slots: withSlot(slots, instruction.slot, position) });
          budget.left -= slots.length;
          break;
        case "assert":
          if (holds(instruction.assertion, text, position)) stack.push({ at: at + 1, slots });
          break;
        default:
          into.push(thread);
      }
    }
  }
}

/** The places with one set; without places there is nothing to set. */
function withSlot(slots: Slots, slot: number, position: number): Slots {
  return slots.length === 0 ? slots : slots.with(slot, position);
}

function holds(assertion: Assertion, text: readonly number[], position: number): boolean {
  switch (assertion) {
    case "start":
      return position === 0;
    case "end":
      return position === text.length;
    case "boundary":
    case "no-boundary": {
      const before = isWord(text[position - 1] ?? 0);
      const after = isWord(text[position] ?? 0);
      return (before !== after) === (assertion === "boundary");
    }
  }
}

function replaceAll(
  machine: Machine,
  text: string,
  replacement: string,
  names: ReadonlyMap<string, number>,
): string {
  const codes = codesOf(text);
  let result = "";
  const budget = { left: maxSteps };
  let from = 0;
  while (from <= codes.length) {
    const slots = machine.search(codes, from, budget);
    if (slots === undefined) break;
    const [start = 0, end = 0] = slots;
    result += textOf(codes, from, start) + expand(replacement, codes, slots, names);
    if (end > start) {
      from = end;
    } else {
      result += textOf(codes, end, end + 1);
      from = end + 1;
    }
  }
  return result + textOf(codes, from, codes.length);
}

function expand(
  replacement: string,
  codes: readonly number[],
  slots: Slots,
  names: ReadonlyMap<string, number>,
): string {
  return replacement.replace(/\$(?:\$|(\w+)|\{(\w+)\})/g, (whole, bare, braced) => {
    if (whole === "$$") return "$";
    const name = String(bare ?? braced);
    const group = /^\d+$/.test(name) ? Number(name) : names.get(name);
    const start = group === undefined ? undefined : slots[group * 2];
    const end = group === undefined ? undefined : slots[group * 2 + 1];
    return start === undefined || end === undefined || start < 0 || end < 0
      ? ""
      : textOf(codes, start, end);
  });
}

function textOf(codes: readonly number[], start: number, end: number): string {
  return codes
    .slice(start, end)
    .map((code) => String.fromCodePoint(code))
    .join("");
}
