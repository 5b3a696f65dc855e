/**
 * Copying of files between two places, each here or on a node: what `scp` does, told apart from how either side is
 * reached. Names that come from a listing are checked by the listing side; nothing is written outside the destination.
 */
import { Fault } from "#base/fault.ts";

/** What is known about a file or folder. */
export interface FileInfo {
  readonly kind: "file" | "directory" | "other";
  readonly size: bigint;
  /** Permission bits. */
  readonly mode: number;
  /** Seconds since 1970. */
  readonly times: { readonly accessed: number; readonly modified: number };
}

/** One side of a copy. Paths are the side's own. Methods throw faults that name the path. */
export interface FileSide {
  /** Undefined when there is nothing at the path. Follows links. */
  stat(path: string): Promise<FileInfo | undefined>;
  /** Names in a folder, without "." and "..", none of them a path. */
  list(path: string): Promise<string[]>;
  read(path: string): AsyncIterable<Uint8Array>;
  /** Replaces the content of a file, or makes it with these permission bits. */
  write(path: string, content: AsyncIterable<Uint8Array>, mode: number): Promise<void>;
  /** Makes a folder. */
  makeFolder(path: string, mode: number): Promise<void>;
  setAttributes(path: string, info: Pick<FileInfo, "mode" | "times">): Promise<void>;
  join(folder: string, name: string): string;
  baseName(path: string): string;
  /** How a person knows the path: with the node's name in front, if it is there. */
  describe(path: string): string;
}

/** A path on a side. */
export interface Place {
  readonly side: FileSide;
  readonly path: string;
}

/** How to copy. */
export interface CopyOptions {
  readonly recursive: boolean;
  readonly preserve: boolean;
  /** Told before each file. */
  readonly onFile?: (path: string, size: bigint) => void;
  readonly signal?: AbortSignal;
}

/**
 * The permission bits that go along. Those that lend the owner's rights to whoever runs the file do not: the owner is
 * another one here, and a node must not choose what may run with this person's rights.
 */
const permissionBits = 0o777;

/** Links can make a folder contain itself. */
const deepest = 128;

/** Copies every source to the destination, which must be a folder when there are several. */
export async function copyFiles(
  sources: readonly Place[],
  destination: Place,
  options: CopyOptions,
): Promise<void> {
  const target = await destination.side.stat(destination.path);
  const intoFolder = target?.kind === "directory";
  if (!intoFolder && (sources.length > 1 || destination.path.endsWith("/"))) {
    throw new Fault("invalid", `${destination.side.describe(destination.path)} is not a folder`, {
      hint: "several files can be copied into an existing folder only",
    });
  }
  for (const source of sources) {
    const name = source.side.baseName(source.path);
    const path = intoFolder ? destination.side.join(destination.path, name) : destination.path;
    await copyOne(source, { side: destination.side, path }, options, 0);
  }
}

async function copyOne(from: Place, to: Place, options: CopyOptions, depth: number): Promise<void> {
  options.signal?.throwIfAborted();
  const found = await from.side.stat(from.path);
  const shown = from.side.describe(from.path);
  if (found === undefined) {
    throw new Fault("not-found", `could not access ${shown}: no such file or directory`);
  }
  const info = { ...found, mode: found.mode & permissionBits };
  if (info.kind === "other") {
    throw new Fault("invalid", `${shown} is neither a file nor a folder`);
  }
  if (info.kind === "file") {
    options.onFile?.(shown, info.size);
    await to.side.write(to.path, from.side.read(from.path), info.mode);
  } else {
    if (!options.recursive) {
      throw new Fault("invalid", `${shown} is a folder`, {
        hint: "copy folders with: tsh scp --recursive",
      });
    }
    if (depth >= deepest) throw new Fault("limit", `${shown} is nested too deeply`);
    await copyFolder(from, to, info, options, depth);
  }
  if (options.preserve) await to.side.setAttributes(to.path, info);
}

async function copyFolder(
  from: Place,
  to: Place,
  info: FileInfo,
  options: CopyOptions,
  depth: number,
): Promise<void> {
  const existing = await to.side.stat(to.path);
  if (existing === undefined) await to.side.makeFolder(to.path, info.mode | 0o700);
  else if (existing.kind !== "directory") {
    throw new Fault("invalid", `${to.side.describe(to.path)} is not a folder`);
  }
  for (const name of await from.side.list(from.path)) {
    await copyOne(
      { side: from.side, path: from.side.join(from.path, name) },
      { side: to.side, path: to.side.join(to.path, name) },
      options,
      depth + 1,
    );
  }
}
