/**
 * Packets of SFTP version 3 (draft-ietf-secsh-filexfer-02 sections 4 to 7). Each packet is a type and fields
 * behind a length; every one but INIT and VERSION begins with the id of its request.
 */
import { Fault } from "#base/fault.ts";
import { type Codec, layout, message, rest, string, text, uint32, uint64 } from "../layout.ts";
import { attributes, type FileAttributes } from "./attributes.ts";

/** Section 4. */
export const init = message(1, { version: uint32 });
export const version = message(2, { version: uint32, extensions: rest });

/** Section 6.3. */
export const open = message(3, { id: uint32, path: text, flags: uint32, attributes });
export const close = message(4, { id: uint32, handle: string });

/** Section 6.4. */
export const read = message(5, { id: uint32, handle: string, offset: uint64, length: uint32 });
/** `length` bytes of data follow, so that sending needs no copy of them. */
export const write = message(6, { id: uint32, handle: string, offset: uint64, length: uint32 });

/** Section 6.8. */
export const lstat = message(7, { id: uint32, path: text });
export const fstat = message(8, { id: uint32, handle: string });
export const stat = message(17, { id: uint32, path: text });

/** Section 6.9. */
export const setstat = message(9, { id: uint32, path: text, attributes });
export const fsetstat = message(10, { id: uint32, handle: string, attributes });

/** Section 6.7. */
export const opendir = message(11, { id: uint32, path: text });
export const readdir = message(12, { id: uint32, handle: string });

/** Sections 6.5 and 6.6. */
export const remove = message(13, { id: uint32, path: text });
export const mkdir = message(14, { id: uint32, path: text, attributes });
export const rmdir = message(15, { id: uint32, path: text });
export const rename = message(18, { id: uint32, from: text, to: text });

/** Sections 6.10 and 6.11. */
export const realpath = message(16, { id: uint32, path: text });
export const readlink = message(19, { id: uint32, path: text });

/** One name in an answer. `longname` is for people and says nothing that programs may use. */
export interface NameEntry {
  readonly name: string;
  readonly longname: string;
  readonly attributes: FileAttributes;
}

const entryLimit = 16_384;

const entries: Codec<readonly NameEntry[]> = {
  read(reader) {
    const count = reader.uint32();
    if (count > entryLimit) throw new Fault("malformed", "the SFTP server sends too many names");
    return Array.from({ length: count }, () => ({
      name: reader.text(),
      longname: text.read(reader),
      attributes: attributes.read(reader),
    }));
  },
  write(writer, list) {
    writer.uint32(list.length);
    for (const entry of list) {
      writer.string(entry.name).string(entry.longname);
      attributes.write(writer, entry.attributes);
    }
  },
};

/** Section 7. */
export const status = message(101, { id: uint32, code: uint32, message: text, language: text });
export const handle = message(102, { id: uint32, handle: string });
export const data = message(103, { id: uint32, data: string });
export const names = message(104, { id: uint32, entries });
export const attrs = message(105, { id: uint32, attributes });

/** Section 8. */
export const extended = message(200, { id: uint32, name: text, payload: rest });
export const extendedReply = message(201, { id: uint32, payload: rest });

/** The answer to `limits@openssh.com` (OpenSSH PROTOCOL section 4.8). Zero means that the server does not say. */
export const limits = layout({ packet: uint64, read: uint64, write: uint64, handles: uint64 });
