/**
 * The packets that begin a PostgreSQL connection (manual 55.2.1, 55.2.4, 55.2.10, 55.7 "StartupMessage"): the only ones
 * without a type byte. Decoding takes the packet without its length field and refuses what is left over.
 */
import { Fault } from "#base/fault.ts";

/** The longest packet that a server takes (MAX_STARTUP_PACKET_LENGTH), its length field included. */
export const longestStartup = 10_000;
/** Bytes of the length field before every packet. */
export const startupLengthBytes = 4;

const codes = { cancel: 80_877_102, ssl: 80_877_103, gssenc: 80_877_104 } as const;
const protocolMajor = 3;
/** Bytes of the key that ends a query: process id and secret. */
const cancelKeyBytes = 8;
const mostParameters = 100;

/** What a client begins with. */
export type StartupPacket =
  | { readonly kind: "ssl" | "gssenc" }
  | { readonly kind: "cancel"; readonly key: Buffer }
  | {
      readonly kind: "startup";
      /** Minor version of protocol 3 that the client would like. */
      readonly minor: number;
      /** In the client's order. `user` is there and not empty. */
      readonly parameters: ReadonlyMap<string, string>;
    };

/** The length of a packet from its first four bytes, those included. Throws `malformed` for one that no client needs. */
export function startupLength(field: Buffer): number {
  const length = field.readUInt32BE(0);
  if (length < 8 || length > longestStartup) {
    throw new Fault("malformed", "this is no start-up packet of PostgreSQL");
  }
  return length;
}

/** Decodes a packet without its length field. Throws `malformed`, and `unimplemented` for other versions of the protocol. */
export function parseStartup(body: Buffer): StartupPacket {
  if (body.length < 4) throw malformed("it is too short");
  const code = body.readUInt32BE(0);
  const rest = body.subarray(4);
  if (code === codes.ssl || code === codes.gssenc) {
    if (rest.length > 0) throw malformed("bytes are left over");
    return { kind: code === codes.ssl ? "ssl" : "gssenc" };
  }
  if (code === codes.cancel) {
    if (rest.length !== cancelKeyBytes) throw malformed("the key has another length");
    return { kind: "cancel", key: Buffer.from(rest) };
  }
  if (code >>> 16 !== protocolMajor) {
    throw new Fault("unimplemented", "this version of the PostgreSQL protocol is not served", {
      hint: "use a client that speaks version 3 of the protocol: PostgreSQL 7.4 or later",
    });
  }
  return { kind: "startup", minor: code & 0xffff, parameters: parseParameters(rest) };
}

function parseParameters(bytes: Buffer): Map<string, string> {
  const texts = splitTexts(bytes);
  const parameters = new Map<string, string>();
  for (let at = 0; at < texts.length; at += 2) {
    const [name = "", value] = texts.slice(at, at + 2);
    if (value === undefined) throw malformed("a parameter has no value");
    if (parameters.has(name)) throw malformed("a parameter is named twice");
    parameters.set(name, value);
  }
  if (parameters.size > mostParameters) throw malformed("it has too many parameters");
  if ((parameters.get("user") ?? "") === "") throw malformed("it names no user");
  return parameters;
}

/** Texts that each end with a zero byte, after which one more zero ends the list. */
function splitTexts(bytes: Buffer): string[] {
  const texts: string[] = [];
  let at = 0;
  while (bytes[at] !== 0) {
    const end = bytes.indexOf(0, at);
    if (end < 0 || at >= bytes.length) throw malformed("a text has no end");
    texts.push(decodeText(bytes.subarray(at, end)));
    // A value may be empty; a name may not, since that is how the list ends.
    if (texts.length % 2 === 1) {
      const valueEnd = bytes.indexOf(0, end + 1);
      if (valueEnd < 0) throw malformed("a parameter has no value");
      texts.push(decodeText(bytes.subarray(end + 1, valueEnd)));
      at = valueEnd + 1;
    } else at = end + 1;
  }
  if (at !== bytes.length - 1) throw malformed("bytes are left over");
  return texts;
}

/** Names decide about access: what is not plain UTF-8 could mean another name to the server. */
function decodeText(bytes: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new Fault("malformed", "the start-up packet has text that is not UTF-8", { cause });
  }
}

/** The packet that asks a server for TLS. */
export function encodeSslRequest(): Buffer {
  return withLength(numberOf(codes.ssl));
}

/** The packet that asks a server to end what runs under this key. */
export function encodeCancel(key: Buffer): Buffer {
  return withLength(Buffer.concat([numberOf(codes.cancel), key]));
}

/** The packet that begins a session, in version 3.0. Throws `invalid` for text that would end early on the wire. */
export function encodeStartup(parameters: ReadonlyMap<string, string>): Buffer {
  const texts = [...parameters].flat();
  if (texts.some((text) => text.includes("\0"))) {
    throw new Fault("invalid", "a name holds a zero byte");
  }
  const body = texts.map((text) => Buffer.from(`${text}\0`));
  return withLength(Buffer.concat([numberOf(protocolMajor << 16), ...body, Buffer.of(0)]));
}

function withLength(body: Buffer): Buffer {
  return Buffer.concat([numberOf(body.length + startupLengthBytes), body]);
}

function numberOf(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function malformed(why: string): Fault {
  return new Fault("malformed", `the start-up packet of PostgreSQL is not valid: ${why}`);
}
