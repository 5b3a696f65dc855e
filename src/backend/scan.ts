/** Reading more than one page. */
import type { Backend, Item, KeyRange } from "./port.ts";

/**
 * All items of a range in the order of their keys, fetched page by page; other work runs between
 * the pages. Writes during the scan may or may not be seen, each item is seen at most once.
 */
export async function* scanItems(
  backend: Pick<Backend, "range">,
  range: KeyRange,
): AsyncGenerator<Item, void, undefined> {
  let after: string | undefined;
  do {
    const page = await backend.range(range, { after });
    yield* page.items;
    after = page.next;
    if (after !== undefined) await new Promise((resolve) => setImmediate(resolve));
  } while (after !== undefined);
}
