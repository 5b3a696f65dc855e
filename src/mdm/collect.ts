/** Short listings as a whole: the answer to a question about a few devices. */
import { Fault } from "#base/fault.ts";
import type { MdmPage, MdmRow } from "./source.ts";

/** Pages of an answer about some dozens of devices. */
const mostPages = 20;

/** The rows of a listing that should be short. Throws `limit` when it is not. */
export async function collectRows(pages: AsyncIterable<MdmPage>): Promise<MdmRow[]> {
  const rows: MdmRow[] = [];
  let read = 0;
  for await (const page of pages) {
    rows.push(...page.rows);
    if (++read > mostPages) {
      throw new Fault("limit", "the MDM's answer about a few devices does not end");
    }
  }
  return rows;
}
