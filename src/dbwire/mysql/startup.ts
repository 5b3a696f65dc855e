/**
 * How a MySQL connection begins (MySQL source documentation, "Connection Phase"; MariaDB's is the same as far as we go): the
 * server greets, the client answers. Both sides are encoded and decoded here, since an agent is a server to the client and a
 * client to the server. Decoding refuses what is too short or too long; bytes behind what we know are a newer program's.
 */
import { Fault } from "#base/fault.ts";

/** Capabilities by name; only those that an agent speaks of. */
export const capabilities = {
  longPassword: 1,
  foundRows: 1 << 1,
  longFlag: 1 << 2,
  connectWithDatabase: 1 << 3,
  ignoreSpace: 1 << 8,
  protocol41: 1 << 9,
  interactive: 1 << 10,
  tls: 1 << 11,
  transactions: 1 << 13,
  secureConnection: 1 << 15,
  multiStatements: 1 << 16,
  multiResults: 1 << 17,
  preparedMultiResults: 1 << 18,
  pluginAuth: 1 << 19,
  connectAttributes: 1 << 20,
  lengthEncodedAuth: 1 << 21,
  sessionTrack: 1 << 23,
  deprecateEof: 1 << 24,
} as const;

/**
 * What clients are offered. Compression would hide the statements, and LOCAL INFILE lets a server ask for files of the
 * person's machine: neither is there.
 */
export const offeredCapabilities =
  Object.values(capabilities).reduce((all, one) => all | one, 0) &
  ~(capabilities.tls | capabilities.lengthEncodedAuth);

const version = 10;
const utf8mb4 = 45;
const saltBytes = 20;
const longestName = 256;
/** The only way of authentication that needs nothing but a name here: the certificate is the proof. */
export const passwordPlugin = "mysql_native_password";

/** What a server says first. */
export interface Greeting {
  readonly serverVersion: string;
  readonly capabilities: number;
}

/** What a client answers. */
export interface Answer {
  readonly capabilities: number;
  readonly longestPacket: number;
  readonly charset: number;
  readonly user: string;
  /** Empty when the client names none. */
  readonly database: string;
}

/** The greeting of an agent. `salt` has 20 bytes without zeros; it is asked for and means nothing. */
export function encodeGreeting(
  serverVersion: string,
  connection: number,
  salt: Uint8Array,
): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32LE(connection >>> 0);
  const tail = Buffer.alloc(2 + 1 + 2 + 2 + 1 + 10);
  tail.writeUInt16LE(offeredCapabilities & 0xffff, 0);
  tail.writeUInt8(utf8mb4, 2);
  tail.writeUInt16LE(2, 3);
  tail.writeUInt16LE(offeredCapabilities >>> 16, 5);
  tail.writeUInt8(saltBytes + 1, 7);
  return Buffer.concat([
    Buffer.of(version),
    text(serverVersion),
    head,
    salt.subarray(0, 8),
    Buffer.of(0),
    tail,
    salt.subarray(8, saltBytes),
    Buffer.of(0),
    text(passwordPlugin),
  ]);
}

/** Decodes the greeting of a server. Throws `malformed`, and `unproven` with the server's words when it greets with an error. */
export function parseGreeting(body: Buffer): Greeting {
  if (body[0] === 0xff) {
    throw new Fault("unproven", `the database server refuses: ${parseErrorText(body)}`);
  }
  if (body[0] !== version) throw malformed("it is of another version");
  const end = body.indexOf(0, 1);
  // Version, connection, salt, and both halves of the capabilities.
  if (end < 0 || body.length < end + 1 + 4 + 8 + 1 + 2 + 1 + 2 + 2)
    throw malformed("it is too short");
  const at = end + 1 + 4 + 8 + 1;
  const low = body.readUInt16LE(at);
  const high = body.readUInt16LE(at + 5);
  return {
    serverVersion: body.toString("latin1", 1, end),
    capabilities: (low | (high << 16)) >>> 0,
  };
}

/** Decodes a client's answer. Throws `malformed`, and `unimplemented` for clients from before MySQL 4.1. */
export function parseAnswer(body: Buffer): Answer {
  if (body.length < 32) throw malformed("it is too short");
  const flags = body.readUInt32LE(0);
  if ((flags & capabilities.protocol41) === 0) {
    throw new Fault("unimplemented", "this version of the MySQL protocol is not served");
  }
  const unknown = flags & ~offeredCapabilities & ~capabilities.lengthEncodedAuth;
  const reader = { body, at: 32 };
  const user = readText(reader);
  skipAuthentication(reader, flags);
  const database = (flags & capabilities.connectWithDatabase) !== 0 ? readText(reader) : "";
  return {
    // A client may speak of more than it was offered; it does not count.
    capabilities: (flags & ~unknown) >>> 0,
    longestPacket: body.readUInt32LE(4),
    charset: body.readUInt8(8),
    user,
    database,
  };
}

/** What an agent answers a server: for a user without a password. `secure` asks for TLS and ends there. */
export function encodeAnswer(answer: Answer, secure: boolean): Buffer {
  const head = Buffer.alloc(32);
  const wanted =
    answer.capabilities & ~capabilities.connectAttributes & ~capabilities.lengthEncodedAuth;
  const named = answer.database === "" ? 0 : capabilities.connectWithDatabase;
  const flags =
    (wanted & ~capabilities.connectWithDatabase) |
    named |
    capabilities.tls |
    capabilities.secureConnection |
    capabilities.pluginAuth;
  head.writeUInt32LE(flags >>> 0, 0);
  head.writeUInt32LE(answer.longestPacket, 4);
  head.writeUInt8(answer.charset, 8);
  if (secure) return head;
  return Buffer.concat([
    head,
    text(answer.user),
    Buffer.of(0),
    ...(answer.database === "" ? [] : [text(answer.database)]),
    text(passwordPlugin),
  ]);
}

/** The text of an error packet, with or without its SQLSTATE. */
export function parseErrorText(body: Buffer): string {
  const marked = body[3] === 0x23;
  return body.toString("utf8", marked ? 9 : 3).slice(0, 500);
}

interface Reader {
  readonly body: Buffer;
  at: number;
}

function readText(reader: Reader): string {
  const end = reader.body.indexOf(0, reader.at);
  if (end < 0 || end - reader.at > longestName) throw malformed("a name has no end");
  const bytes = reader.body.subarray(reader.at, end);
  reader.at = end + 1;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new Fault("malformed", "a name in the start of the connection is not UTF-8", { cause });
  }
}

function skipAuthentication(reader: Reader, flags: number): void {
  const { body } = reader;
  if ((flags & (capabilities.secureConnection | capabilities.lengthEncodedAuth)) === 0) {
    const end = body.indexOf(0, reader.at);
    if (end < 0) throw malformed("its proof has no end");
    reader.at = end + 1;
    return;
  }
  const length = body[reader.at] ?? 0;
  if (length > 0xfa || reader.at + 1 + length > body.length)
    throw malformed("its proof has no end");
  reader.at += 1 + length;
}

function text(value: string): Buffer {
  if (value.includes("\0")) throw new Fault("invalid", "a name holds a zero byte");
  return Buffer.from(`${value}\0`);
}

function malformed(why: string): Fault {
  return new Fault("malformed", `the start of the MySQL connection is not valid: ${why}`);
}
