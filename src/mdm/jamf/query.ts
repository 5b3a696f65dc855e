/** Questions to Jamf Pro's computers-inventory, whose filters are RSQL. */
import type { MdmQuery } from "../source.ts";
import { sections } from "./device.ts";

/** Joins conditions that all must hold; empty ones say nothing. */
function allOf(...conditions: readonly string[]): string {
  const stated = conditions.filter((condition) => condition !== "");
  return stated.length > 1
    ? stated.map((condition) => `(${condition})`).join(";")
    : (stated[0] ?? "");
}

/** A text as RSQL writes it. */
function quote(text: string): string {
  return `"${text.replace(/[\\"]/g, "\\$&")}"`;
}

/** The condition of a query. */
export function filterOf({ filter, changedSince }: Omit<MdmQuery, "pageSize">): string {
  const changed =
    changedSince === undefined ? "" : `general.reportDate>=${quote(changedSince.toISOString())}`;
  return allOf(filter, changed);
}

/** Serial numbers in one question, and their bytes in its address: servers take 8 KiB of it. */
const questions = { serials: 50, bytes: 3000 } as const;

/** Serial numbers in groups that fit into one question each. */
export function* groupSerials(serials: readonly string[]): Generator<readonly string[]> {
  let group: string[] = [];
  let bytes = 0;
  for (const serial of serials) {
    const size = encodeURIComponent(quote(serial)).length + 3;
    if (group.length > 0 && (group.length >= questions.serials || bytes + size > questions.bytes)) {
      yield group;
      group = [];
      bytes = 0;
    }
    group.push(serial);
    bytes += size;
  }
  if (group.length > 0) yield group;
}

/** The condition that finds computers by their serial numbers within a filter. */
export function serialFilter(serials: readonly string[], filter: string): string {
  return allOf(filter, `hardware.serialNumber=in=(${serials.map(quote).join(",")})`);
}

/** Path and query of one page, by id: a new computer comes last and moves no other. */
export function pagePath(filter: string, page: number, pageSize: number): string {
  const query = new URLSearchParams([
    ...sections.map((section): [string, string] => ["section", section]),
    ["page", String(page)],
    ["page-size", String(pageSize)],
    ["sort", "id:asc"],
    ...(filter === "" ? [] : [["filter", filter] as [string, string]]),
  ]);
  return `/v1/computers-inventory?${query}`;
}
