/** File attributes of SFTP version 3 (draft-ietf-secsh-filexfer-02 section 5). */
import { Fault } from "#base/fault.ts";
import type { Codec } from "../layout.ts";
import type { Reader, Writer } from "../wire.ts";

/** What is known, or to be set, about a file. What is missing is unknown, or left alone. */
export interface FileAttributes {
  readonly size?: bigint;
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** Type and permission bits, as `stat` gives them. */
  readonly mode?: number;
  /** Seconds since 1970. */
  readonly times?: { readonly accessed: number; readonly modified: number };
}

const flag = { size: 1, owner: 2, mode: 4, times: 8, extended: 0x8000_0000 };
const knownFlags = flag.size | flag.owner | flag.mode | flag.times;
const extensionLimit = 64;
const fileType = { mask: 0o170000, directory: 0o040000, regular: 0o100000, link: 0o120000 };

/** True if the attributes say that it is a directory. */
export function isDirectory({ mode = 0 }: FileAttributes): boolean {
  return (mode & fileType.mask) === fileType.directory;
}

/** True if the attributes say that it is an ordinary file. */
export function isRegularFile({ mode = 0 }: FileAttributes): boolean {
  return (mode & fileType.mask) === fileType.regular;
}

export const attributes: Codec<FileAttributes> = { read: readAttributes, write: writeAttributes };

function readAttributes(reader: Reader): FileAttributes {
  const flags = reader.uint32();
  if ((flags & ~knownFlags) >>> 0 !== (flags & flag.extended) >>> 0) {
    throw new Fault("malformed", "the SFTP server sends attributes that version 3 does not have");
  }
  const found: { -readonly [K in keyof FileAttributes]: FileAttributes[K] } = {};
  if (flags & flag.size) found.size = reader.uint64();
  if (flags & flag.owner) found.owner = { uid: reader.uint32(), gid: reader.uint32() };
  if (flags & flag.mode) found.mode = reader.uint32();
  if (flags & flag.times) found.times = { accessed: reader.uint32(), modified: reader.uint32() };
  if (flags & flag.extended) skipExtensions(reader);
  return found;
}

function skipExtensions(reader: Reader): void {
  const count = reader.uint32();
  if (count > extensionLimit) throw new Fault("malformed", "an SFTP file has too many attributes");
  for (let i = 0; i < count; i++) {
    reader.string();
    reader.string();
  }
}

function writeAttributes(writer: Writer, { size, owner, mode, times }: FileAttributes): void {
  writer.uint32(
    (size === undefined ? 0 : flag.size) |
      (owner === undefined ? 0 : flag.owner) |
      (mode === undefined ? 0 : flag.mode) |
      (times === undefined ? 0 : flag.times),
  );
  if (size !== undefined) writer.uint64(size);
  if (owner !== undefined) writer.uint32(owner.uid).uint32(owner.gid);
  if (mode !== undefined) writer.uint32(mode);
  if (times !== undefined) writer.uint32(times.accessed).uint32(times.modified);
}
