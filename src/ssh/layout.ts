/**
 * Messages as data: a message is a number and a table of fields, and its encoder and decoder follow from
 * the table. The tables are in messages/, each under the section that defines it.
 */
import { Fault } from "#base/fault.ts";
import { Reader, Writer } from "./wire.ts";

/** Reads and writes one type of value. */
export interface Codec<T> {
  read(reader: Reader): T;
  write(writer: Writer, value: T): void;
}

/** Fields of a message, in the order of the wire. */
export type Fields = Readonly<Record<string, Codec<unknown>>>;

/** The value that a table of fields describes. */
export type ValueOf<F extends Fields> = {
  readonly [K in keyof F]: F[K] extends Codec<infer T> ? T : never;
};

/** The values of a message or layout: `Value<typeof channelOpen>`. */
export type Value<L> = L extends Layout<infer T> ? T : never;

/** A sequence of fields without a message number: the payload of a request or of a channel type. */
export interface Layout<T> {
  /** The table itself, from which tests derive their values. */
  readonly fields: Fields;
  encode(value: T): Uint8Array;
  /** Throws `malformed` for short, wrong or left-over bytes. */
  decode(bytes: Uint8Array): T;
}

/** A message of the SSH protocol. `decode` also checks the number. */
export interface Message<T> extends Layout<T> {
  readonly number: number;
}

export const boolean: Codec<boolean> = {
  read: (reader) => reader.boolean(),
  write: (writer, value) => void writer.boolean(value),
};

export const uint32: Codec<number> = {
  read: (reader) => reader.uint32(),
  write: (writer, value) => void writer.uint32(value),
};

export const uint64: Codec<bigint> = {
  read: (reader) => reader.uint64(),
  write: (writer, value) => void writer.uint64(value),
};

/** A `string` of bytes. */
export const string: Codec<Uint8Array> = {
  read: (reader) => reader.string(),
  write: (writer, value) => void writer.string(value),
};

/** A `string` of UTF-8 text. */
export const text: Codec<string> = {
  read: (reader) => reader.text(),
  write: (writer, value) => void writer.string(value),
};

export const nameList: Codec<readonly string[]> = {
  read: (reader) => reader.nameList(),
  write: (writer, value) => void writer.nameList(value),
};

/** Whatever follows: the part of a message that depends on a name in it. Only as the last field. */
export const rest: Codec<Uint8Array> = {
  read: (reader) => reader.rest(),
  write: (writer, value) => void writer.bytes(value),
};

/** Exactly `length` bytes. */
export function fixed(length: number): Codec<Uint8Array> {
  return {
    read: (reader) => reader.bytes(length),
    write: (writer, value) => void writer.bytes(value),
  };
}

/** Declares a payload without a number. */
export function layout<F extends Fields>(fields: F): Layout<ValueOf<F>> {
  const entries = Object.entries(fields);
  return {
    fields,
    encode(value) {
      const writer = new Writer();
      writeFields(entries, writer, value);
      return writer.done();
    },
    decode: (bytes) => readFields(entries, new Reader(bytes)) as ValueOf<F>,
  };
}

/** Declares a message. */
export function message<F extends Fields>(number: number, fields: F): Message<ValueOf<F>> {
  const entries = Object.entries(fields);
  return {
    number,
    fields,
    encode(value) {
      const writer = new Writer().byte(number);
      writeFields(entries, writer, value);
      return writer.done();
    },
    decode(bytes) {
      if (bytes[0] !== number)
        throw new Fault("malformed", "the SSH message is not the expected one");
      return readFields(entries, new Reader(bytes, 1)) as ValueOf<F>;
    },
  };
}

type Entries = readonly (readonly [string, Codec<unknown>])[];

function readFields(entries: Entries, reader: Reader): unknown {
  const value: Record<string, unknown> = {};
  for (const [name, codec] of entries) value[name] = codec.read(reader);
  reader.end();
  return value;
}

function writeFields(entries: Entries, writer: Writer, value: Record<string, unknown>): void {
  for (const [name, codec] of entries) codec.write(writer, value[name]);
}
