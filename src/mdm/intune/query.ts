/** Questions to Microsoft Graph's managedDevices, whose filters are OData. */
import { Fault } from "#base/fault.ts";
import type { MdmQuery } from "../source.ts";
import { selected } from "./device.ts";

function allOf(...conditions: readonly string[]): string {
  const stated = conditions.filter((condition) => condition !== "");
  return stated.length > 1
    ? stated.map((condition) => `(${condition})`).join(" and ")
    : (stated[0] ?? "");
}

/** The condition of a query. */
export function filterOf({ filter, changedSince }: Omit<MdmQuery, "pageSize">): string {
  const changed =
    changedSince === undefined ? "" : `lastSyncDateTime ge ${changedSince.toISOString()}`;
  return allOf(filter, changed);
}

/** The condition that finds devices by serial number within a filter. */
export function serialFilter(serial: string, filter: string): string {
  return allOf(filter, `serialNumber eq '${serial.replaceAll("'", "''")}'`);
}

/** Path and query of the first page. */
export function firstPath(filter: string, pageSize: number): string {
  const query = new URLSearchParams({
    $select: selected.join(","),
    $top: String(pageSize),
    ...(filter === "" ? {} : { $filter: filter }),
  });
  return `/deviceManagement/managedDevices?${query}`;
}

/**
 * The address of the next page; undefined after the last. Throws `malformed` for one that leads elsewhere: the token goes
 * along.
 */
export function nextUrl(link: unknown, endpoint: string): URL | undefined {
  if (link === undefined || link === null) return undefined;
  const url =
    typeof link === "string" && link.length <= 8192 && URL.canParse(link)
      ? new URL(link)
      : undefined;
  if (url?.origin === new URL(endpoint).origin && url.username === "") return url;
  throw new Fault("malformed", "Microsoft Graph names a next page that is not its own");
}
