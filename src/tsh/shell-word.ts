/** Words for a shell: a name from a server must not become a command. */

/** The value as one word of a POSIX shell. */
export function shellWord(value: string): string {
  return /^[A-Za-z0-9_.:@%+,/[\]-]+$/u.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`;
}
