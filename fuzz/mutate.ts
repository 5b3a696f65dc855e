/**
 * Mutations of byte strings: what hostile peers do to well-formed input. Each takes bytes and gives new ones; none
 * knows a format. Length fields are found by their values: a number that counts bytes behind it.
 */
import { concat } from "#base/bytes.ts";
import type { SeededNumbers } from "./random.ts";

/** What mutations draw from besides the input itself. */
export interface MutationSource {
  readonly numbers: SeededNumbers;
  /** Other inputs, to splice with. Never empty. */
  readonly corpus: readonly Uint8Array[];
  /** Byte strings that mean something in the format. */
  readonly dictionary: readonly Uint8Array[];
}

type Mutation = (input: Uint8Array, source: MutationSource) => Uint8Array;

const edges = [0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0xffff, 0x1_0000, 0x7fff_ffff];
const edgeNumbers = [...edges, 0x8000_0000, 0xffff_fffe, 0xffff_ffff];

const flipBit: Mutation = (input, { numbers }) => {
  const output = input.slice();
  const at = numbers.below(output.length);
  output[at] = (output[at] ?? 0) ^ (1 << numbers.below(8));
  return output;
};

const setByte: Mutation = (input, { numbers }) => {
  const output = input.slice();
  output[numbers.below(output.length)] = numbers.pick([numbers.below(256), 0, 0x7f, 0x80, 0xff]);
  return output;
};

const changeNumber: Mutation = (input, { numbers }) => {
  const width = numbers.pick([1, 2, 4]);
  const at = numbers.below(input.length - width + 1);
  const little = numbers.below(4) === 0;
  const old = readNumber(input, at, width, little);
  const near = old + numbers.pick([-1, 1, -2, 2, 16]);
  return withNumber(input, at, width, little, numbers.pick([near, ...edgeNumbers]));
};

/** Finds a number that counts the bytes up to the end, or nearly, and makes it lie. */
const attackLength: Mutation = (input, source) => {
  const { numbers } = source;
  const candidates: (readonly [at: number, width: number, little: boolean])[] = [];
  for (const width of [1, 2, 4]) {
    for (let at = 0; at + width <= input.length && candidates.length < 256; at++) {
      for (const little of width === 1 ? [false] : [false, true]) {
        const value = readNumber(input, at, width, little);
        if (value > 0 && at + width + value <= input.length) candidates.push([at, width, little]);
      }
    }
  }
  if (candidates.length === 0) return changeNumber(input, source);
  const [at, width, little] = numbers.pick(candidates);
  const old = readNumber(input, at, width, little);
  const left = input.length - at - width;
  const lie = numbers.pick([old - 1, old + 1, 0, left, left + 1, old * 2, ...edgeNumbers]);
  return withNumber(input, at, width, little, lie);
};

const truncate: Mutation = (input, { numbers }) => input.slice(0, numbers.below(input.length + 1));

const remove: Mutation = (input, { numbers }) => {
  const [start, end] = range(input, numbers);
  return concat(input.subarray(0, start), input.subarray(end));
};

const duplicate: Mutation = (input, { numbers }) => {
  const [start, end] = range(input, numbers);
  const part = input.subarray(start, end);
  const times = numbers.pick([1, 1, 2, 16, 200]);
  const copies = Array.from({ length: times }, () => part);
  return concat(input.subarray(0, end), ...copies, input.subarray(end));
};

const move: Mutation = (input, { numbers }) => {
  const [start, end] = range(input, numbers);
  const rest = concat(input.subarray(0, start), input.subarray(end));
  const at = numbers.below(rest.length + 1);
  return concat(rest.subarray(0, at), input.subarray(start, end), rest.subarray(at));
};

const insertRandom: Mutation = (input, { numbers }) =>
  insert(input, numbers.bytes(1 + numbers.below(8)), numbers);

const insertWord: Mutation = (input, source) => {
  const { numbers, dictionary } = source;
  if (dictionary.length === 0) return insertRandom(input, source);
  return insert(input, numbers.pick(dictionary), numbers);
};

const overwriteWord: Mutation = (input, source) => {
  const { numbers, dictionary } = source;
  if (dictionary.length === 0) return setByte(input, source);
  const word = numbers.pick(dictionary);
  const at = numbers.below(input.length + 1);
  return concat(input.subarray(0, at), word, input.subarray(at + word.length));
};

const splice: Mutation = (input, { numbers, corpus }) => {
  const other = numbers.pick(corpus);
  const head = input.subarray(0, numbers.below(input.length + 1));
  return concat(head, other.subarray(numbers.below(other.length + 1)));
};

const graft: Mutation = (input, { numbers, corpus }) => {
  const [start, end] = range(input, numbers);
  const other = numbers.pick(corpus);
  const [from, to] = range(other, numbers);
  return concat(input.subarray(0, start), other.subarray(from, to), input.subarray(end));
};

/** Wraps a part in many copies of what opens and closes it: nesting. */
const nest: Mutation = (input, { numbers }) => {
  const at = numbers.below(input.length);
  const depth = numbers.pick([8, 64, 1000, 20_000]);
  const opener = new Uint8Array(depth).fill(input[at] ?? 0);
  return concat(input.subarray(0, at), opener, input.subarray(at));
};

const mutations: readonly Mutation[] = [
  flipBit,
  flipBit,
  setByte,
  setByte,
  changeNumber,
  changeNumber,
  attackLength,
  attackLength,
  truncate,
  remove,
  duplicate,
  move,
  insertRandom,
  insertWord,
  insertWord,
  overwriteWord,
  splice,
  graft,
];

/** Applies one to five mutations, and never gives more than `maxLength` bytes. */
export function mutate(input: Uint8Array, source: MutationSource, maxLength: number): Uint8Array {
  const { numbers } = source;
  let output = input;
  for (let left = numbers.pick([1, 1, 1, 2, 3, 5]); left > 0; left--) {
    const mutation = numbers.below(200) === 0 ? nest : numbers.pick(mutations);
    if (output.length === 0) output = numbers.bytes(4);
    output = mutation(output, source).subarray(0, maxLength);
  }
  return output.slice();
}

function range(input: Uint8Array, numbers: SeededNumbers): [start: number, end: number] {
  const start = numbers.below(input.length);
  const longest = numbers.pick([4, 16, 64, input.length]);
  return [start, Math.min(input.length, start + 1 + numbers.below(longest))];
}

function insert(input: Uint8Array, word: Uint8Array, numbers: SeededNumbers): Uint8Array {
  const at = numbers.below(input.length + 1);
  return concat(input.subarray(0, at), word, input.subarray(at));
}

function readNumber(input: Uint8Array, at: number, width: number, little: boolean): number {
  let value = 0;
  for (let i = 0; i < width; i++) {
    value = value * 256 + (input[little ? at + width - 1 - i : at + i] ?? 0);
  }
  return value;
}

function withNumber(
  input: Uint8Array,
  at: number,
  width: number,
  little: boolean,
  value: number,
): Uint8Array {
  const output = input.slice();
  for (let i = 0; i < width; i++) {
    const index = little ? at + i : at + width - 1 - i;
    if (index >= 0 && index < output.length) output[index] = Math.floor(value / 256 ** i) & 0xff;
  }
  return output;
}
