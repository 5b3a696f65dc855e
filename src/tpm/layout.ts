/**
 * Structures as data: one table of fields gives the decoder, the encoder and the TypeScript type.
 * The building blocks are those of TPM 2.0 Library Part 2: integers, TPM2B, TPML lists and tagged unions.
 */
import type { EvidenceReason } from "./refusal.ts";
import { malformed, TpmReader, TpmWriter } from "./wire.ts";

/** Reads and writes one kind of value. */
export interface Codec<T> {
  decode(from: TpmReader): T;
  encode(value: T, to: TpmWriter): void;
}

/** The value that a codec reads. */
export type Decoded<C> = C extends Codec<infer T> ? T : never;

export const uint8: Codec<number> = {
  decode: (from) => from.uint8(),
  encode: (value, to) => void to.uint8(value),
};

export const uint16: Codec<number> = {
  decode: (from) => from.uint16(),
  encode: (value, to) => void to.uint16(value),
};

export const uint32: Codec<number> = {
  decode: (from) => from.uint32(),
  encode: (value, to) => void to.uint32(value),
};

export const uint64: Codec<bigint> = {
  decode: (from) => from.uint64(),
  encode: (value, to) => void to.uint64(value),
};

/** TPMI_YES_NO: one byte that is 0 or 1; any other value is refused. */
export const yesNo: Codec<boolean> = {
  decode(from) {
    const value = from.uint8();
    if (value > 1) throw malformed(from, "holds a flag that is neither yes nor no");
    return value === 1;
  },
  encode: (value, to) => void to.uint8(value ? 1 : 0),
};

/** The content of a TPM2B of at most `max` bytes. */
export function sized(max: number): Codec<Uint8Array> {
  return {
    decode: (from) => from.sized(max),
    encode: (value, to) => void to.sized(value),
  };
}

/** A TPML: a 32-bit count of at most `max`, then the items. */
export function list<T>(item: Codec<T>, max: number): Codec<readonly T[]> {
  return {
    decode(from) {
      const count = from.uint32();
      if (count > max) throw malformed(from, `lists ${count} items`);
      return Array.from({ length: count }, () => item.decode(from));
    },
    encode(value, to) {
      to.uint32(value.length);
      for (const each of value) item.encode(each, to);
    },
  };
}

/** An integer that has one permitted value; anything else is refused, with `reason` if there is one for it. */
export function constant(codec: Codec<number>, value: number, reason?: string): Codec<number> {
  return {
    decode(from) {
      const found = codec.decode(from);
      if (found !== value) {
        throw malformed(from, `has 0x${found.toString(16)} in a fixed field`, reason);
      }
      return found;
    },
    encode: (_, to) => codec.encode(value, to),
  };
}

/** Named fields in wire order. */
export function layout<F extends Record<string, Codec<unknown>>>(
  fields: F,
): Codec<{ readonly [K in keyof F]: Decoded<F[K]> }> {
  const entries = Object.entries(fields);
  return {
    decode(from) {
      const value: Record<string, unknown> = {};
      for (const [name, codec] of entries) value[name] = codec.decode(from);
      return value as { readonly [K in keyof F]: Decoded<F[K]> };
    },
    encode(value, to) {
      for (const [name, codec] of entries) codec.encode(value[name as keyof F], to);
    },
  };
}

type Variants = Record<string, readonly [tag: number, body: Codec<object>]>;

/** A 16-bit selector, then the fields that belong to it. An unlisted selector is refused, with `reason` if there is one for it. */
export function union<V extends Variants>(
  variants: V,
  reason?: string,
): Codec<{ [K in keyof V]: { readonly kind: K } & Decoded<V[K][1]> }[keyof V]> {
  type Value = { [K in keyof V]: { readonly kind: K } & Decoded<V[K][1]> }[keyof V];
  const byTag = new Map(
    Object.entries(variants).map(([kind, [tag, body]]) => [tag, { kind, body }]),
  );
  return {
    decode(from) {
      const tag = from.uint16();
      const found = byTag.get(tag);
      if (found === undefined) {
        throw malformed(from, `has the unexpected type 0x${tag.toString(16)}`, reason);
      }
      return { kind: found.kind, ...found.body.decode(from) } as Value;
    },
    encode(value, to) {
      const [tag, body] = variants[value.kind as string] as Variants[string];
      to.uint16(tag);
      body.encode(value, to);
    },
  };
}

/** Decodes a structure that fills all of `bytes`; what does not have its form is refused with `reason`. */
export function decodeWhole<T>(
  codec: Codec<T>,
  bytes: Uint8Array,
  structure: string,
  reason?: EvidenceReason,
): T {
  const from = new TpmReader(bytes, structure, reason);
  const value = codec.decode(from);
  from.end();
  return value;
}

/** Encodes a structure. */
export function encodeWhole<T>(codec: Codec<T>, value: T): Uint8Array {
  const to = new TpmWriter();
  codec.encode(value, to);
  return to.done();
}
