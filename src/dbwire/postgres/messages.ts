/**
 * Messages of PostgreSQL after the start-up packet (manual 55.7): one type byte, a length that counts itself, a body. Only
 * those that an agent says or must understand.
 */
import { Fault } from "#base/fault.ts";

/** Type bytes, by sender. */
export const clientTypes = {
  bind: 0x42,
  close: 0x43,
  execute: 0x45,
  functionCall: 0x46,
  parse: 0x50,
  query: 0x51,
  sync: 0x53,
} as const;

/** Type bytes of messages that a server sends. */
export const serverTypes = {
  authentication: 0x52,
  backendKey: 0x4b,
  bindComplete: 0x32,
  closeComplete: 0x33,
  error: 0x45,
  negotiateVersion: 0x76,
  notice: 0x4e,
  parameter: 0x53,
  parseComplete: 0x31,
  ready: 0x5a,
} as const;

/** Bytes before the body of every message. */
export const headerBytes = 5;

/** What an error says (manual 55.8). */
export interface ErrorReport {
  /** SQLSTATE of five characters. */
  readonly code: string;
  readonly message: string;
  readonly hint?: string | undefined;
}

/** An error after which the server closes the connection. */
export function encodeFatal({ code, message, hint }: ErrorReport): Buffer {
  const fields = [
    ["S", "FATAL"],
    ["V", "FATAL"],
    ["C", code],
    ["M", message],
    ...(hint === undefined ? [] : [["H", hint]]),
  ];
  const texts = fields.map(([type, text = ""]) => `${type}${text.replaceAll("\0", "")}\0`);
  return encodeMessage(serverTypes.error, Buffer.from(`${texts.join("")}\0`));
}

/** A message with this type and body. */
export function encodeMessage(type: number, body: Uint8Array): Buffer {
  const message = Buffer.alloc(headerBytes + body.length);
  message.writeUInt8(type, 0);
  message.writeUInt32BE(body.length + 4, 1);
  message.set(body, headerBytes);
  return message;
}

/** Says that nothing more is asked of the client before its session begins. */
export function encodeAuthenticationOk(): Buffer {
  return encodeMessage(serverTypes.authentication, Buffer.alloc(4));
}

/** Tells a client that asked for a newer protocol to speak 3.0, and which of its options are not known. */
export function encodeNegotiateVersion(options: readonly string[]): Buffer {
  const numbers = Buffer.alloc(8);
  numbers.writeUInt32BE(0, 0);
  numbers.writeUInt32BE(options.length, 4);
  const names = Buffer.from(options.map((name) => `${name}\0`).join(""));
  return encodeMessage(serverTypes.negotiateVersion, Buffer.concat([numbers, names]));
}

/** The way of authentication that a server wants: 0 is none. Throws `malformed`. */
export function parseAuthentication(body: Buffer): number {
  if (body.length < 4) throw new Fault("malformed", "the database server sent a broken message");
  return body.readUInt32BE(0);
}

/** Severity, code and text of an error of the server, whatever else it says. */
export function parseError(body: Buffer): ErrorReport {
  const fields = new Map<string, string>();
  for (const text of body.toString("utf8").split("\0")) {
    if (text !== "") fields.set(text.slice(0, 1), text.slice(1));
  }
  const hint = fields.get("H");
  return {
    code: fields.get("C") ?? "XX000",
    message: fields.get("M") ?? "the database server gave no reason",
    ...(hint === undefined ? {} : { hint }),
  };
}

/** Reads texts that end with a zero byte, from the start of a body that may have been cut. */
export function readTexts(body: Buffer, from: number, count: number): string[] {
  const texts: string[] = [];
  let at = from;
  for (let i = 0; i < count; i++) {
    const end = body.indexOf(0, at);
    texts.push(body.toString("utf8", at, end < 0 ? body.length : end));
    at = end < 0 ? body.length : end + 1;
  }
  return texts;
}
