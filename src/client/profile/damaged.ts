/** What is said of a file of a login that holds something else than it must. */
import { Fault, isFault } from "#base/fault.ts";
import type { StoredLogin } from "./logins.ts";

/** Reads a file of a login with `parse`. Throws `malformed` that names the file and the command that writes it anew. */
export function parseStored<T>(
  { key, document }: StoredLogin,
  what: string,
  file: string,
  parse: () => T,
): T {
  try {
    return parse();
  } catch (cause) {
    if (!isFault(cause)) throw cause;
    throw new Fault("malformed", `${what} of this login is damaged: ${file}`, {
      hint: `remove it and log in again: rm ${file}; tsh login --proxy=${document.webProxyAddr} --user=${key.user}`,
      cause,
    });
  }
}
