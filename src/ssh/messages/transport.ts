/** Messages of the transport layer (RFC 4253 section 12, RFC 8308, OpenSSH PROTOCOL section 1.10). */
import { boolean, type Codec, fixed, message, nameList, string, text, uint32 } from "../layout.ts";

/** RFC 4253 section 11.1. */
export const disconnect = message(1, { reason: uint32, description: text, language: text });

/** RFC 4253 section 11.2. */
export const ignore = message(2, { data: string });

/** RFC 4253 section 11.4. */
export const unimplemented = message(3, { sequenceNumber: uint32 });

/** RFC 4253 section 11.3. */
export const debug = message(4, { alwaysDisplay: boolean, message: text, language: text });

/** RFC 4253 section 10. */
export const serviceRequest = message(5, { service: text });

/** RFC 4253 section 10. */
export const serviceAccept = message(6, { service: text });

const extensionLimit = 64;

const extensions: Codec<ReadonlyMap<string, Uint8Array>> = {
  read(reader) {
    const map = new Map<string, Uint8Array>();
    const count = Math.min(reader.uint32(), extensionLimit);
    for (let i = 0; i < count; i++) map.set(reader.text(), reader.string());
    return map;
  },
  write(writer, map) {
    writer.uint32(map.size);
    for (const [name, value] of map) writer.string(name).string(value);
  },
};

/** RFC 8308 section 2.3. */
export const extInfo = message(7, { extensions });

/** RFC 4253 section 7.1. */
export const kexInit = message(20, {
  cookie: fixed(16),
  keyExchange: nameList,
  hostKey: nameList,
  cipherToServer: nameList,
  cipherToClient: nameList,
  macToServer: nameList,
  macToClient: nameList,
  compressionToServer: nameList,
  compressionToClient: nameList,
  languageToServer: nameList,
  languageToClient: nameList,
  firstPacketFollows: boolean,
  reserved: uint32,
});

/** RFC 4253 section 7.3. */
export const newKeys = message(21, {});

/** The client's share: RFC 5656 section 4, RFC 8731, and the ML-KEM hybrid draft use the same form. */
export const kexClient = message(30, { share: string });

/** The server's answer: RFC 5656 section 4. */
export const kexServer = message(31, { hostKey: string, share: string, signature: string });

/** OpenSSH PROTOCOL section 1.10 (`ping@openssh.com`). */
export const ping = message(192, { data: string });
export const pong = message(193, { data: string });
