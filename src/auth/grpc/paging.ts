/** Pages of lists: how many, and where to go on. A bad size or token is refused, never guessed at. */
import { Fault } from "#base/fault.ts";

/** The most that one page may hold, and what it holds when the client does not say. */
export const pageSize = { most: 1000, usual: 500 } as const;

/** The size of a page as asked for; zero means the usual one. Throws `invalid` for a negative or absurd number. */
export function readPageSize(wanted: number): number {
  if (!Number.isInteger(wanted) || wanted < 0 || wanted > 1_000_000) {
    throw new Fault("invalid", "the page size must be between 0 and 1000000");
  }
  return Math.min(wanted || pageSize.usual, pageSize.most);
}

/** Where to go on, as options of a store's `list`. */
export function pageOptions(wanted: number, token: string): { limit: number; after?: string } {
  const limit = readPageSize(wanted);
  if (token.length > 1024) throw new Fault("invalid", "the page token is too long");
  return token === "" ? { limit } : { limit, after: token };
}
