/** This machine as a side of a copy. */
import { createReadStream, createWriteStream, type Stats } from "node:fs";
import { chmod, mkdir, readdir, stat, utimes } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { Fault } from "#base/fault.ts";
import { largestTransfer } from "#ssh/sftp/limits.ts";
import { errorCode, isMissing } from "../profile/files.ts";
import type { FileSide } from "./copy.ts";

/** Local files, with paths relative to the working directory. */
export const localFiles: FileSide = {
  async stat(path) {
    try {
      const found = await stat(path);
      return {
        kind: kindOf(found),
        size: BigInt(found.size),
        mode: found.mode & 0o7777,
        times: {
          accessed: Math.floor(found.atimeMs / 1000),
          modified: Math.floor(found.mtimeMs / 1000),
        },
      };
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw explain(error, "read", path);
    }
  },
  list: (path) => attempt("read", path, async () => (await readdir(path)).sort()),
  async *read(path) {
    try {
      yield* createReadStream(path, { highWaterMark: largestTransfer });
    } catch (error) {
      throw explain(error, "read", path);
    }
  },
  write: (path, content, mode) =>
    attempt("write", path, () => pipeline(content, createWriteStream(path, { mode }))),
  makeFolder: (path, mode) => attempt("create", path, () => mkdir(path, { mode })),
  setAttributes: (path, { mode, times }) =>
    attempt("change", path, async () => {
      await chmod(path, mode);
      await utimes(path, times.accessed, times.modified);
    }),
  join,
  baseName: (path) => basename(resolve(path)),
  describe: (path) => `local path "${path}"`,
};

function kindOf(found: Stats): "file" | "directory" | "other" {
  if (found.isFile()) return "file";
  return found.isDirectory() ? "directory" : "other";
}

async function attempt<T>(verb: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw explain(error, verb, path);
  }
}

function explain(error: unknown, verb: string, path: string): Fault {
  if (error instanceof Fault) return error;
  const code = errorCode(error);
  const reason = reasons[code ?? ""] ?? code ?? "unknown failure";
  return new Fault("environment", `could not ${verb} local path "${path}": ${reason}`, {
    cause: error,
  });
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EISDIR: "it is a folder",
  ENOENT: "no such file or directory",
  ENOSPC: "the disk is full",
  ENOTDIR: "a part of it is not a folder",
  EROFS: "the file system is read-only",
};
