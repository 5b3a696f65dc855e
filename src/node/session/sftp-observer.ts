/**
 * Watches a file transfer (SFTP version 3, draft-ietf-secsh-filexfer-02) from beside: reads which files are opened and
 * changed, and how it went, for the audit log. It changes nothing and never stops a transfer; what it cannot read it
 * passes over, because the file server is the judge of its own protocol.
 */
import { buffer } from "#base/bytes.ts";
import { Reader } from "#ssh/wire.ts";

/** Something that was done with a file. Numbers of actions are those of the public API. */
export interface FileOperation {
  readonly action: number;
  readonly path: string;
  readonly targetPath?: string;
  readonly flags?: number;
  readonly attributes?: { readonly permissions?: number; readonly file_size?: number };
  readonly error?: string;
}

/** Requests that are told, by packet type (draft section 3): the number of the action and what follows the id. */
const requests: ReadonlyMap<number, readonly [action: number, read: (reader: Reader) => Details]> =
  new Map([
    [3, [1, readOpen]],
    [9, [7, readAttributes]],
    [11, [9, readPath]],
    [13, [11, readPath]],
    [14, [12, readAttributes]],
    [15, [13, readPath]],
    [18, [16, readTwo]],
    // OpenSSH sends the target first; the action tells it as it is meant.
    [20, [18, readTwo]],
  ]);

type Details = Omit<FileOperation, "action" | "error">;

const statusType = 101;
const extendedType = 200;
/** Extensions of OpenSSH that change names. */
const extensions: ReadonlyMap<string, number> = new Map([
  ["posix-rename@openssh.com", 16],
  ["hardlink@openssh.com", 19],
]);
/** Codes of a status that are no failure: OK and end of file. */
const goodCodes: readonly number[] = [0, 1];

const longestPacket = 65_536;
const pendingLimit = 1024;

/** Reads both directions of one transfer. */
export class SftpObserver {
  readonly #told: (operation: FileOperation) => void;
  readonly #pending = new Map<number, FileOperation>();
  readonly #input = new PacketReader(
    (type) => requests.has(type) || type === extendedType,
    (type, body) => this.#request(type, body),
  );
  readonly #output = new PacketReader(
    (type) => this.#pending.size > 0 && type > 100,
    (type, body) => this.#answer(type, body),
  );

  /** `told` is called once per operation, when its answer passes. */
  constructor(told: (operation: FileOperation) => void) {
    this.#told = told;
  }

  /** Bytes of the client. */
  input(chunk: Uint8Array): void {
    this.#input.read(chunk);
  }

  /** Bytes of the file server. */
  output(chunk: Uint8Array): void {
    this.#output.read(chunk);
  }

  #request(type: number, body: Uint8Array): void {
    const reader = new Reader(body);
    const id = reader.uint32();
    const [action, read] = this.#lookUp(type, reader) ?? [];
    if (action === undefined || read === undefined) return;
    if (this.#pending.size >= pendingLimit) this.#pending.clear();
    this.#pending.set(id, { action, ...read(reader) });
  }

  #lookUp(type: number, reader: Reader) {
    if (type !== extendedType) return requests.get(type);
    const action = extensions.get(reader.text());
    return action === undefined ? undefined : ([action, readTwo] as const);
  }

  #answer(type: number, body: Uint8Array): void {
    const reader = new Reader(body);
    const id = reader.uint32();
    const operation = this.#pending.get(id);
    if (operation === undefined) return;
    this.#pending.delete(id);
    const failed = type === statusType && !goodCodes.includes(reader.uint32());
    this.#told(failed ? { ...operation, error: reader.text() || "failed" } : operation);
  }
}

function readPath(reader: Reader): Details {
  return { path: reader.text() };
}

function readTwo(reader: Reader): Details {
  return { path: reader.text(), targetPath: reader.text() };
}

function readOpen(reader: Reader): Details {
  return { path: reader.text(), flags: reader.uint32() };
}

/** Flags of attributes: size 1, owner 2, permissions 4 (draft section 5). */
function readAttributes(reader: Reader): Details {
  const path = reader.text();
  const flags = reader.uint32();
  const size = flags & 1 ? Number(reader.uint64()) : undefined;
  if (flags & 2) reader.uint64();
  const permissions = flags & 4 ? reader.uint32() : undefined;
  return {
    path,
    flags,
    attributes: {
      ...(size === undefined ? {} : { file_size: size }),
      ...(permissions === undefined ? {} : { permissions }),
    },
  };
}

/** Cuts a stream into packets and keeps the bodies of those that somebody wants. */
class PacketReader {
  readonly #wants: (type: number) => boolean;
  readonly #packet: (type: number, body: Uint8Array) => void;
  #head = Buffer.alloc(0);
  #body: Uint8Array[] | undefined;
  #left = 0;
  #type = 0;

  constructor(wants: (type: number) => boolean, packet: (type: number, body: Uint8Array) => void) {
    this.#wants = wants;
    this.#packet = packet;
  }

  read(chunk: Uint8Array): void {
    let rest = chunk;
    while (rest.length > 0) rest = this.#left > 0 ? this.#readBody(rest) : this.#readHead(rest);
  }

  #readHead(chunk: Uint8Array): Uint8Array {
    const taken = Math.min(5 - this.#head.length, chunk.length);
    this.#head = Buffer.concat([this.#head, chunk.subarray(0, taken)]);
    if (this.#head.length < 5) return chunk.subarray(taken);
    this.#left = Math.max(this.#head.readUInt32BE(0) - 1, 0);
    this.#type = this.#head.readUInt8(4);
    this.#body = this.#left <= longestPacket && this.#wants(this.#type) ? [] : undefined;
    this.#head = Buffer.alloc(0);
    return chunk.subarray(taken);
  }

  #readBody(chunk: Uint8Array): Uint8Array {
    const part = chunk.subarray(0, this.#left);
    this.#left -= part.length;
    // A copy: the chunk is the pipe's, which fills it again.
    this.#body?.push(Uint8Array.from(part));
    if (this.#left === 0 && this.#body !== undefined) this.#deliver(Buffer.concat(this.#body));
    return chunk.subarray(part.length);
  }

  #deliver(body: Buffer): void {
    this.#body = undefined;
    try {
      this.#packet(this.#type, buffer(body));
    } catch {
      // Not the protocol that we know: the file server answers for it.
    }
  }
}
