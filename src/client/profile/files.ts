/**
 * Reading and writing of the profile folder: bounded reads, writes that are seen whole or not at all, files 0600
 * in folders 0700. Synchronous, because a command reads a handful of small files once at its start.
 */
import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { Fault } from "#base/fault.ts";

/** No file of a profile is larger; a larger one is not ours. */
const largestFile = 4 * 1024 * 1024;

let written = 0;

/** Text of a file, or undefined when it does not exist. Throws `environment` when it cannot be read. */
export function readText(path: string): string | undefined {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw explainFileError(error, "read", path);
  }
  try {
    const stat = fstatSync(file);
    if (!stat.isFile() || stat.size > largestFile) {
      throw new Fault("malformed", `${path} is not a profile file`);
    }
    const bytes = Buffer.alloc(stat.size);
    let length = 0;
    while (length < bytes.length) {
      const count = readSync(file, bytes, length, bytes.length - length, null);
      if (count === 0) break;
      length += count;
    }
    return bytes.toString("utf8", 0, length);
  } catch (error) {
    throw explainFileError(error, "read", path);
  } finally {
    closeSync(file);
  }
}

/** Replaces a file in one step; readers see the old or the new content. Makes the folder when it is missing. */
export function writePrivate(path: string, text: string): void {
  // Made with an exclusive create: the name need not be secret, only not in use.
  const temporary = `${path}.${process.pid}.${Date.now().toString(36)}.${++written}.tmp`;
  try {
    makePrivateFolder(dirname(path));
    writeFileSync(temporary, text, { mode: 0o600, flag: "wx" });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw explainFileError(error, "write", path);
  }
}

/** Makes a folder that only its owner can enter, and its parents. */
export function makePrivateFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw explainFileError(error, "create", path);
  }
}

/** Removes a file or a whole folder; one that is not there is fine. */
export function removePath(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch (error) {
    throw explainFileError(error, "remove", path);
  }
}

/** True when a file operation failed because the file does not exist. */
export function isMissing(error: unknown): boolean {
  const code = errorCode(error);
  return code === "ENOENT" || code === "ENOTDIR";
}

/** The operating system's code of a failed file or socket operation, such as "ENOENT". */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}

function explainFileError(error: unknown, verb: string, path: string): Fault {
  if (error instanceof Fault) return error;
  const code = errorCode(error);
  if (code === "ENOSPC" || code === "EDQUOT") {
    return new Fault("environment", `cannot ${verb} ${path}: the disk is full`, {
      hint: "free some space and repeat the command; nothing was lost",
      cause: error,
    });
  }
  if (code === "EACCES" || code === "EPERM" || code === "EROFS") {
    return new Fault("environment", `cannot ${verb} ${path}: permission denied`, {
      hint: "the profile folder must belong to you; TELEPORT_HOME names another one",
      cause: error,
    });
  }
  return new Fault(
    "environment",
    `cannot ${verb} ${path}${code === undefined ? "" : ` (${code})`}`,
    {
      cause: error,
    },
  );
}
