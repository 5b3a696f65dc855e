/**
 * The frames of TransportService, coded by hand: a message with one field that holds a message with one field
 * of bytes (Protocol Buffers, "Encoding"). Bulk data passes here, so nothing is copied and nothing allocated
 * but a small header per frame.
 */
import { Fault } from "#base/fault.ts";

/** The longest payload of a frame: with its headers it fills one HTTP/2 DATA frame of 16 384 bytes. */
export const maxFramePayload = 16_000;

const lengthDelimited = 2;

/** A top-level field of a message: its number, and its bytes when it is length-delimited. */
interface Field {
  readonly number: number;
  readonly bytes: Uint8Array | undefined;
}

/** The gRPC prefix, and the tags and lengths around a payload of `length` bytes in field `number`. */
export function encodeFrameHeader(number: number, length: number): Uint8Array {
  const inner = 1 + varintLength(length) + length;
  const message = 1 + varintLength(inner) + inner;
  const header = new Uint8Array(5 + message - length);
  new DataView(header.buffer).setUint32(1, message);
  let at = 5;
  header[at++] = (number << 3) | lengthDelimited;
  at = writeVarint(header, at, inner);
  header[at++] = (1 << 3) | lengthDelimited;
  writeVarint(header, at, length);
  return header;
}

/** The payload of the frame in field `number` of a message, or undefined. Throws `internal`. */
export function decodeFrame(message: Uint8Array, number: number): Uint8Array | undefined {
  const frame = findBytes(message, number);
  return frame && (findBytes(frame, 1) ?? new Uint8Array(0));
}

/** The bytes of the last field with this number, as protobuf wants it. Throws `internal`. */
function findBytes(message: Uint8Array, number: number): Uint8Array | undefined {
  let found: Uint8Array | undefined;
  for (const field of fieldsOf(message)) if (field.number === number) found = field.bytes ?? found;
  return found;
}

function* fieldsOf(message: Uint8Array): Generator<Field> {
  let at = 0;
  while (at < message.length) {
    const [tag, afterTag] = readVarint(message, at);
    const [bytes, next] = readValue(message, afterTag, tag & 7);
    if (tag >>> 3 === 0) throw malformed();
    at = next;
    yield { number: tag >>> 3, bytes };
  }
}

/** The value at an offset, by its wire type, and the offset behind it. */
function readValue(
  message: Uint8Array,
  at: number,
  type: number,
): [Uint8Array | undefined, number] {
  if (type === 0) return [undefined, readVarint(message, at)[1]];
  if (type === 1 || type === 5) return [undefined, within(message, at + (type === 1 ? 8 : 4))];
  if (type !== lengthDelimited) throw malformed();
  const [length, start] = readVarint(message, at);
  const end = within(message, start + length);
  return [message.subarray(start, end), end];
}

function within(message: Uint8Array, end: number): number {
  if (end > message.length) throw malformed();
  return end;
}

/** A varint of at most 64 bits and the offset behind it; lengths above 2^32 are refused by the caller. */
function readVarint(message: Uint8Array, at: number): [number, number] {
  let value = 0;
  for (let i = 0; i < 10; i++) {
    const byte = message[at + i];
    if (byte === undefined) throw malformed();
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return [value, at + i + 1];
  }
  throw malformed();
}

function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest > 0x7f; rest >>>= 7) length++;
  return length;
}

function writeVarint(into: Uint8Array, at: number, value: number): number {
  let rest = value;
  let end = at;
  for (; rest > 0x7f; rest >>>= 7) into[end++] = (rest & 0x7f) | 0x80;
  into[end++] = rest;
  return end;
}

function malformed(): Fault {
  return new Fault("internal", "the frame is malformed");
}
