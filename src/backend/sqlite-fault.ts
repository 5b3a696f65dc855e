/** What SQLite and the file system report, in words that tell the operator what to do. */
import { Fault } from "#base/fault.ts";

/** Primary result codes (sqlite.org/rescode.html); extended codes carry them in the low byte. */
const codes = {
  perm: 3,
  busy: 5,
  readOnly: 8,
  ioError: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  notADatabase: 26,
} as const;

/** Extended code: the shared index of the log could not grow, which happens on a full disk only. */
const sharedMemorySize = 10 | (19 << 8);

function codeOf(error: unknown): number {
  const code = (error as { errcode?: unknown } | undefined)?.errcode;
  if (code === sharedMemorySize) return codes.full;
  return typeof code === "number" ? code & 0xff : 0;
}

/**
 * True when the disk is full or the store has reached its size limit: reads go on, writes may work
 * again later.
 */
export function isFull(error: unknown): boolean {
  return codeOf(error) === codes.full;
}

/** The fault for an error of SQLite on the store at `path`. */
export function faultOfSqlite(error: unknown, path: string): Fault {
  if (error instanceof Fault) return error;
  const environment = (message: string, hint: string) =>
    new Fault("environment", message, { hint, cause: error });
  switch (codeOf(error)) {
    case codes.full:
      return environment(
        `there is no space left for the store ${path}; nothing was written`,
        "make room on the disk: writing works again as soon as there is space, reading goes on",
      );
    case codes.busy:
      return environment(
        `the store ${path} is in use by another process`,
        "stop the other gatehouse that uses this data directory, or give this one another",
      );
    case codes.corrupt:
    case codes.notADatabase:
      return environment(
        `the store ${path} is damaged`,
        "stop gatehouse, keep a copy of the file, and restore the data directory from a backup",
      );
    case codes.perm:
    case codes.readOnly:
    case codes.cannotOpen:
      return unreadable(path, error);
    case codes.ioError:
      return environment(
        `the disk under the store ${path} reports an error`,
        "check the disk and the system log; restart gatehouse when the disk is well",
      );
    default:
      return new Fault("internal", "the store failed", { cause: error });
  }
}

/** The fault for a data directory or file that this process may not use. */
export function unreadable(path: string, cause: unknown): Fault {
  return new Fault("environment", `${path} cannot be read and written by this user`, {
    hint: `check its owner and permissions: ls -ld ${path}`,
    cause,
  });
}
