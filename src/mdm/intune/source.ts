/** Microsoft Intune as a source, through Microsoft Graph: pages that each name the next. */
import { Fault } from "#base/fault.ts";
import { DeviceOrigin } from "#gen/teleport/devicetrust/v1/device_pb.ts";
import { collectRows } from "../collect.ts";
import { fieldsOf } from "../fields.ts";
import { MdmSession, type SessionParts } from "../session.ts";
import type { IntuneSettings } from "../settings.ts";
import type { MdmPage, MdmQuery, MdmRow, MdmSource } from "../source.ts";
import { readManagedDevice } from "./device.ts";
import { filterOf, firstPath, nextUrl, serialFilter } from "./query.ts";
import { readToken, tokenRequest } from "./tokens.ts";

/** Questions about single serial numbers that are under way at once. */
const serialsAtOnce = 4;

/** Opens Intune. Asks nothing yet. */
export function openIntune(settings: IntuneSettings, parts: SessionParts): MdmSource {
  return new IntuneSource(
    settings.apiEndpoint,
    new MdmSession({
      ...parts,
      mdm: "Microsoft Graph",
      tokenRequest: () => tokenRequest(settings),
      readToken,
      privileges: "DeviceManagementManagedDevices.Read.All, with the consent of an administrator",
    }),
  );
}

class IntuneSource implements MdmSource {
  readonly origin = DeviceOrigin.INTUNE;
  readonly #endpoint: string;
  readonly #session: MdmSession;

  constructor(endpoint: string, session: MdmSession) {
    this.#endpoint = endpoint;
    this.#session = session;
  }

  pages(query: MdmQuery, signal: AbortSignal): AsyncGenerator<MdmPage> {
    return this.#list(filterOf(query), query.pageSize, signal);
  }

  async findBySerial(
    serials: readonly string[],
    filter: string,
    signal: AbortSignal,
  ): Promise<readonly MdmRow[]> {
    const rows: MdmRow[] = [];
    const find = async (serial: string) => {
      rows.push(...(await collectRows(this.#list(serialFilter(serial, filter), 100, signal))));
    };
    for (let at = 0; at < serials.length; at += serialsAtOnce) {
      await Promise.all(serials.slice(at, at + serialsAtOnce).map(find));
    }
    return rows;
  }

  close(): Promise<void> {
    return this.#session.close();
  }

  async *#list(filter: string, pageSize: number, signal: AbortSignal): AsyncGenerator<MdmPage> {
    let url: URL | undefined = new URL(this.#endpoint + firstPath(filter, pageSize));
    while (url !== undefined) {
      const answer = fieldsOf(await this.#session.get(url, signal));
      const { value } = answer;
      if (!Array.isArray(value)) {
        throw new Fault("malformed", "Microsoft Graph answered no page of devices", {
          hint: "api_endpoint ends in its version, as in https://graph.microsoft.com/v1.0",
        });
      }
      yield { rows: value.map(readManagedDevice), total: undefined, drifted: false };
      url = nextUrl(answer["@odata.nextLink"], this.#endpoint);
    }
  }
}
