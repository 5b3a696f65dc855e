/**
 * The client side of SFTP version 3 (draft-ietf-secsh-filexfer-02) over a session channel whose subsystem is
 * `sftp`. Paths are the server's, with "/" between names; local files are the caller's.
 */
import type { Duplex } from "node:stream";
import { Fault } from "#base/fault.ts";
import type { Message } from "../layout.ts";
import type { FileAttributes } from "./attributes.ts";
import { SftpFile } from "./file.ts";
import {
  attrs,
  close,
  handle,
  lstat,
  mkdir,
  type NameEntry,
  names,
  open,
  opendir,
  readdir,
  readlink,
  realpath,
  remove,
  rename,
  rmdir,
  setstat,
  stat,
  status,
} from "./messages.ts";
import { SftpRequests } from "./requests.ts";
import { statusEof, statusFault, statusOk } from "./status.ts";

/** How to open a file (section 6.3). */
export const openFlag = { read: 1, write: 2, append: 4, create: 8, truncate: 16, exclusive: 32 };

/** One name in a directory. */
export interface DirectoryEntry {
  readonly name: string;
  readonly attributes: FileAttributes;
}

const directoryLimit = 1_000_000;

/** One SFTP session. All methods throw faults that name the path: `not-found`, `access-denied` and others. */
export class SftpClient {
  readonly #requests: SftpRequests;
  readonly #channel: Duplex;

  constructor(channel: Duplex) {
    this.#channel = channel;
    this.#requests = new SftpRequests(channel);
  }

  /** Opens a file. `flags` are of {@link openFlag}; `attributes` apply if it is created. */
  async open(path: string, flags: number, attributes: FileAttributes = {}): Promise<SftpFile> {
    const opened = this.#send(open, { path, flags, attributes }, `open ${path}`);
    const [answer, sizes] = await Promise.all([opened, this.#requests.sizes()]);
    return new SftpFile(this.#requests, path, handle.decode(answer).handle, sizes);
  }

  /** The attributes of what a path leads to. */
  async stat(path: string): Promise<FileAttributes> {
    const answer = await this.#send(stat, { path }, `read the attributes of ${path}`);
    return attrs.decode(answer).attributes;
  }

  /** The attributes of the path itself, also if it is a symbolic link. */
  async lstat(path: string): Promise<FileAttributes> {
    const answer = await this.#send(lstat, { path }, `read the attributes of ${path}`);
    return attrs.decode(answer).attributes;
  }

  async setstat(path: string, attributes: FileAttributes): Promise<void> {
    await this.#send(setstat, { path, attributes }, `set the attributes of ${path}`);
  }

  async mkdir(path: string, attributes: FileAttributes = {}): Promise<void> {
    await this.#send(mkdir, { path, attributes }, `make the directory ${path}`);
  }

  async rmdir(path: string): Promise<void> {
    await this.#send(rmdir, { path }, `remove the directory ${path}`);
  }

  async remove(path: string): Promise<void> {
    await this.#send(remove, { path }, `remove ${path}`);
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#send(rename, { from, to }, `rename ${from}`);
  }

  /** The absolute form of a path; "." is where the session begins. */
  async realpath(path: string): Promise<string> {
    return this.#oneName(await this.#send(realpath, { path }, `resolve ${path}`));
  }

  /** Where a symbolic link points to. */
  async readlink(path: string): Promise<string> {
    return this.#oneName(await this.#send(readlink, { path }, `read the link ${path}`));
  }

  /**
   * The entries of a directory without "." and "..". Throws `malformed` for a name that would lead out of the
   * directory: a server must not choose where a recursive copy writes.
   */
  async readdir(path: string): Promise<DirectoryEntry[]> {
    const what = `read the directory ${path}`;
    const directory = handle.decode(await this.#send(opendir, { path }, what)).handle;
    try {
      return await this.#entries(directory, what);
    } finally {
      await this.#requests.send(close, { handle: directory });
    }
  }

  /** Ends the session. */
  close(): void {
    this.#channel.end();
  }

  /** Sends a request whose answer is not a failing status. */
  async #send<T extends { readonly id: number }>(
    request: Message<T>,
    fields: Omit<T, "id">,
    what: string,
  ): Promise<Uint8Array> {
    const answer = await this.#requests.send(request, fields);
    if (answer[0] !== status.number) return answer;
    const { code, message } = status.decode(answer);
    if (code !== statusOk) throw statusFault(`cannot ${what}`, code, message);
    return answer;
  }

  async #entries(directory: Uint8Array, what: string): Promise<DirectoryEntry[]> {
    const found: DirectoryEntry[] = [];
    while (found.length <= directoryLimit) {
      const answer = await this.#requests.send(readdir, { handle: directory });
      if (answer[0] === status.number) {
        const { code, message } = status.decode(answer);
        if (code === statusEof) return found;
        throw statusFault(`cannot ${what}`, code, message);
      }
      for (const { name, attributes } of names.decode(answer).entries) {
        if (name === "." || name === "..") continue;
        assertEntryName(name);
        found.push({ name, attributes });
      }
    }
    throw new Fault("limit", `cannot ${what}: too many entries`);
  }

  #oneName(answer: Uint8Array): string {
    const [first, ...more]: readonly NameEntry[] = names.decode(answer).entries;
    if (first === undefined || more.length > 0) {
      throw new Fault("malformed", "the SFTP server answers with other than one name");
    }
    return first.name;
  }
}

function assertEntryName(name: string): void {
  if (name === "" || name.includes("/") || name.includes("\0")) {
    throw new Fault("malformed", "the SFTP server lists a name that is no file name");
  }
}
