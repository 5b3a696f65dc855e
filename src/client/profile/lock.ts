/**
 * One writer at a time in the profile folder, so that a key and its certificate always belong together; the same for
 * other files. The lock is a file with the holder's process id, made with an exclusive create; one whose process is gone
 * is taken over.
 */
import { randomBytes } from "node:crypto";
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { Fault } from "#base/fault.ts";
import { errorCode, makePrivateFolder } from "./files.ts";
import { folderPaths } from "./paths.ts";

const waitMs = 10;
const patienceMs = 10_000;

/** Runs `change` while no other process changes the folder. Throws `conflict` after ten seconds of waiting. */
export async function withProfileLock<T>(folder: string, change: () => T | Promise<T>): Promise<T> {
  makePrivateFolder(folder);
  const { lock } = folderPaths(folder);
  return withLockFile(lock, patienceMs, "another process is changing the profile", change);
}

/** Runs `change` while this process holds the lock. Throws `conflict` with the sentence when its patience is over. */
export async function withLockFile<T>(
  lock: string,
  patience: number,
  sentence: string,
  change: () => T | Promise<T>,
): Promise<T> {
  const token = `${process.pid} ${randomBytes(8).toString("hex")}\n`;
  for (let waited = 0; !acquire(lock, token); waited += waitMs) {
    if (waited >= patience) {
      throw new Fault("conflict", sentence, { hint: `if none is running, remove ${lock}` });
    }
    await delay(waitMs);
  }
  try {
    return await change();
  } finally {
    if (read(lock) === token) rmSync(lock, { force: true });
  }
}

function acquire(lock: string, token: string): boolean {
  // The content must be there from the first moment, so the file is written aside and linked into place.
  const aside = `${lock}.${token.trim().replace(" ", ".")}`;
  writeFileSync(aside, token, { mode: 0o600 });
  try {
    linkSync(aside, lock);
    return true;
  } catch (error) {
    if (errorCode(error) !== "EEXIST") {
      throw new Fault("environment", `the lock ${lock} cannot be made`, { cause: error });
    }
    breakStale(lock, token);
    return false;
  } finally {
    rmSync(aside, { force: true });
  }
}

/** Removes a lock whose process is gone. A lock that changed hands in between is put back. */
function breakStale(lock: string, token: string): void {
  const seen = read(lock);
  if (seen === undefined || isRunning(Number.parseInt(seen, 10))) return;
  const taken = `${lock}.stale.${token.trim().replace(" ", ".")}`;
  try {
    renameSync(lock, taken);
    if (read(taken) !== seen) linkSync(taken, lock);
  } catch (error) {
    // Somebody else broke the same lock first.
    if (errorCode(error) !== "ENOENT" && errorCode(error) !== "EEXIST") throw error;
  } finally {
    rmSync(taken, { force: true });
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function isRunning(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === "EPERM";
  }
}
