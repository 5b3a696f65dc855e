/**
 * Jamf Pro as a source: pages by number, ordered by id. Where computers are deleted between two pages, those behind move
 * forward and one may be skipped: the total shrinks, and the page before is read again.
 */
import { Fault } from "#base/fault.ts";
import { DeviceOrigin } from "#gen/teleport/devicetrust/v1/device_pb.ts";
import { collectRows } from "../collect.ts";
import { fieldsOf } from "../fields.ts";
import { MdmSession, type SessionParts } from "../session.ts";
import type { JamfSettings } from "../settings.ts";
import type { MdmPage, MdmQuery, MdmRow, MdmSource } from "../source.ts";
import { readComputer } from "./device.ts";
import { filterOf, groupSerials, pagePath, serialFilter } from "./query.ts";
import { readToken, tokenRequest } from "./tokens.ts";

/** A listing in which rows move more often than this has no order to rely on. */
const mostDrifts = 1000;

/** Opens Jamf Pro. Asks nothing yet. */
export function openJamf(settings: JamfSettings, parts: SessionParts): MdmSource {
  return new JamfSource(
    settings.apiEndpoint,
    new MdmSession({
      ...parts,
      mdm: "Jamf Pro",
      tokenRequest: () => tokenRequest(settings),
      readToken,
      privileges: '"Read Computers"',
    }),
  );
}

class JamfSource implements MdmSource {
  readonly origin = DeviceOrigin.JAMF;
  readonly #endpoint: string;
  readonly #session: MdmSession;

  constructor(endpoint: string, session: MdmSession) {
    this.#endpoint = endpoint;
    this.#session = session;
  }

  async *pages(query: MdmQuery, signal: AbortSignal): AsyncGenerator<MdmPage> {
    const filter = filterOf(query);
    let total: number | undefined;
    let drifts = 0;
    for (let page = 0; ; ) {
      const answer = await this.#read(filter, page, query.pageSize, signal);
      const lost = Math.max(0, (total ?? answer.total) - answer.total);
      total = answer.total;
      yield { rows: answer.rows.map(readComputer), total, drifted: lost > 0 };
      if (lost > 0 && page > 0) {
        if (++drifts > mostDrifts) throw unstable();
        page = Math.max(0, page - Math.ceil(lost / query.pageSize));
        continue;
      }
      page++;
      if (answer.rows.length === 0 || page * query.pageSize >= total) return;
    }
  }

  async findBySerial(
    serials: readonly string[],
    filter: string,
    signal: AbortSignal,
  ): Promise<readonly MdmRow[]> {
    const rows: MdmRow[] = [];
    for (const wanted of groupSerials(serials)) {
      const query = { filter: serialFilter(wanted, filter), pageSize: 200 };
      rows.push(...(await collectRows(this.pages(query, signal))));
    }
    return rows;
  }

  close(): Promise<void> {
    return this.#session.close();
  }

  async #read(filter: string, page: number, pageSize: number, signal: AbortSignal) {
    const url = new URL(`${this.#endpoint}${pagePath(filter, page, pageSize)}`);
    const { totalCount, results } = fieldsOf(await this.#session.get(url, signal));
    const sound =
      Array.isArray(results) &&
      results.length <= pageSize &&
      Number.isSafeInteger(totalCount) &&
      Number(totalCount) >= 0;
    if (sound) return { total: Number(totalCount), rows: results as readonly unknown[] };
    throw new Fault("malformed", "Jamf Pro answered no page of computers", {
      hint: "api_endpoint ends in /api, as in https://tenant.jamfcloud.com/api",
    });
  }
}

function unstable(): Fault {
  return new Fault("unavailable", "the computers of Jamf Pro move while they are read");
}
