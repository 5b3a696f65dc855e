/** The files that a process keeps: folders for the owner only, files written whole or not at all. */
import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { Fault } from "#base/fault.ts";

/** Makes a folder that only its owner can enter, with its parents. Throws `environment`. */
export function makePrivateFolder(path: string): void {
  try {
    makeFolder(path);
  } catch (cause) {
    throw folderFault(path, cause);
  }
}

/** Node's own recursive mkdir never returns where a parent cannot hold folders, as below /proc. */
function makeFolder(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  const parent = dirname(path);
  if (parent !== path) makeFolder(parent);
  mkdirSync(path, { mode: 0o700 });
}

/** Replaces a file in one step. Throws `environment`. */
export function writePrivateFile(path: string, content: string): void {
  makePrivateFolder(dirname(path));
  const temporary = `${path}.${randomBytes(6).toString("hex")}`;
  try {
    writeFileSync(temporary, content, { mode: 0o600, flag: "wx" });
    chmodSync(temporary, 0o600);
    renameSync(temporary, path);
  } catch (cause) {
    throw folderFault(path, cause);
  }
}

/** The text of a file, or undefined when there is none. Throws `environment` when it cannot be read. */
export function readFileIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw folderFault(path, cause);
  }
}

function folderFault(path: string, cause: unknown): Fault {
  const { code } = cause as NodeJS.ErrnoException;
  if (code === "EACCES" || code === "EPERM") {
    return new Fault("environment", `this user has no permission for ${path}`, {
      hint: "choose another folder with --data-dir=DIR, or run as the user that owns it",
      cause,
    });
  }
  if (code === "ENOSPC") {
    return new Fault("environment", `the disk that holds ${path} is full`, {
      hint: "free some space and start again; nothing that was stored is lost",
      cause,
    });
  }
  const why =
    code === "EEXIST" || code === "ENOTDIR" ? "a file is in the way" : (code ?? "unknown reason");
  return new Fault("environment", `${path} cannot be used as a folder: ${why}`, {
    hint: "name another folder: --data-dir=DIR",
    cause,
  });
}
