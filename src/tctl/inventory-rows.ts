/**
 * The rows of `tctl devices import` and `export`: one flat row per device, with the same columns as CSV and as JSON. What
 * the cluster decides (id, enrollment, owner, source) is written, and read over.
 */
import * as z from "zod";
import { Fault } from "#base/fault.ts";
import { nearest } from "#base/nearest.ts";
import type { Device } from "#resource/device.ts";
import { checkValue, formatPath, type Problem } from "#resource/problem.ts";
import { listOf, oneOf, optional } from "#resource/scalar.ts";
import { type Diagnostic, faultOf } from "#resource/yaml/diagnostic.ts";
import { readYaml } from "#resource/yaml/read.ts";
import { osNames } from "./device-text.ts";
import { type Cell, formatCsvRow, readCsv } from "./inventory-csv.ts";

const osWords = Object.keys(osNames) as [Device["spec"]["os_type"]];
const osType = z.preprocess(
  (value) => (typeof value === "string" ? value.trim().toLowerCase() : value),
  oneOf(osWords),
);

/** Text of one line, as long as the inventory takes. */
const short = (most: number) =>
  z
    .preprocess((value) => (typeof value === "number" ? String(value) : value), z.string())
    .transform((value) => value.trim())
    .refine((value) => value.length <= most, `has more than ${most} characters`)
    .refine((value) => !/\p{Cc}/u.test(value), "holds a control character");

const filled = short(100).refine((value) => value !== "", "must not be empty");
const given = optional(short(100));

const rowSchema = z.strictObject({
  asset_tag: filled,
  os_type: osType,
  device_id: given,
  enroll_status: given,
  owner: optional(short(256)),
  source: given,
  model_identifier: given,
  os_version: given,
  os_build: given,
  os_build_supplemental: given,
  os_usernames: optional(listOf(short(100))),
  jamf_binary_version: given,
  external_id: given,
  os_id: given,
});

type Row = z.output<typeof rowSchema>;
type Column = keyof Row;

const columns = Object.keys(rowSchema.shape) as Column[];

/** Rows of one file. */
const mostRows = 1_000_000;

/** JSON up to this size says where in it a problem is. */
const locatedBytes = 4 * 1024 * 1024;

/** A device that a file names, without what the cluster decides. */
export type ImportedDevice = Pick<Device["spec"], "os_type" | "asset_tag" | "profile">;

/** The devices of a file. Throws `invalid`, listing every problem with its place. */
export function parseInventory(
  text: string,
  format: "csv" | "json",
  file: string,
): ImportedDevice[] {
  const rows = format === "csv" ? csvRows(text, file) : jsonRows(text, file);
  const devices = new Map<string, { device: ImportedDevice; label: string }>();
  const found: Diagnostic[] = [];
  for (const { value, label, locate } of rows) {
    if (found.length > 100) break;
    const { value: row, problems = [] } = checkValue(rowSchema, value);
    for (const problem of problems) found.push(diagnosticOf(problem, file, locate));
    if (row === undefined) continue;
    const key = `${row.os_type}:${row.asset_tag}`;
    const twin = devices.get(key);
    if (twin) {
      const message = `asset_tag: "${row.asset_tag}" (${row.os_type}) stands in ${twin.label} too`;
      found.push({ file, ...locate(["asset_tag"]), message });
    } else devices.set(key, { device: deviceOf(row), label });
    if (devices.size > mostRows) throw new Fault("limit", `${file} has more than ${mostRows} rows`);
  }
  if (found.length > 0) throw faultOf(found);
  return [...devices.values()].map(({ device }) => device);
}

/** The devices as CSV with a header, line by line. */
export function* formatCsv(devices: readonly Device[]): Generator<string> {
  yield formatCsvRow(columns);
  for (const device of devices) {
    const row = rowOf(device);
    const cells = columns.map((column) => {
      const value = row[column] ?? "";
      return typeof value === "string" ? value : value.join(";");
    });
    yield formatCsvRow(cells);
  }
}

/** The row of a device; what it does not have is left out. */
export function rowOf({ metadata, spec }: Device): Row {
  const { profile = {}, source } = spec;
  const { update_time: _, ...described } = profile;
  return {
    asset_tag: spec.asset_tag,
    os_type: spec.os_type,
    device_id: metadata.name,
    enroll_status: spec.enroll_status === "enrolled" ? "enrolled" : "not_enrolled",
    ...(spec.owner ? { owner: spec.owner } : {}),
    ...(source?.name ? { source: source.name } : {}),
    ...described,
  };
}

type Place = Pick<Diagnostic, "line" | "column">;

interface LocatedRow {
  readonly value: unknown;
  /** What people call it: "line 4" of a table, "entry 4" of a list. */
  readonly label: string;
  /** The place of a value; costly where nothing is wrong. */
  locate(path: Problem["path"]): Place;
}

function deviceOf(row: Row): ImportedDevice {
  const { asset_tag, os_type, device_id, enroll_status, owner, source, ...described } = row;
  const profile = Object.fromEntries(
    Object.entries(described).filter(([, value]) => value !== undefined && value.length > 0),
  );
  return { asset_tag, os_type, profile };
}

function diagnosticOf(
  { path, at, message, suggestion }: Problem,
  file: string,
  locate: LocatedRow["locate"],
): Diagnostic {
  const named = formatPath(at === "key" ? [] : path);
  const text = named === "" ? message : `${named}: ${message}`;
  return { file, ...locate(path), message: text, suggestion };
}

function* csvRows(text: string, file: string): Generator<LocatedRow> {
  let header: readonly Column[] | undefined;
  for (const cells of readCsv(text, file)) {
    if (header === undefined) {
      header = readHeader(cells, file);
      continue;
    }
    yield csvRow(cells, header, file);
  }
  if (header === undefined) throw faultOf([noHeader(file)]);
}

function readHeader(cells: readonly Cell[], file: string): readonly Column[] {
  const found: Diagnostic[] = [];
  const names = cells.map(({ text }) => text.trim().toLowerCase());
  for (const [index, { line, column }] of cells.entries()) {
    const name = names[index] ?? "";
    const place = { file, line, column };
    if (!columns.some((known) => known === name)) {
      const close = nearest(name.slice(0, 40), columns);
      const suggestion = close ? `did you mean "${close}"?` : `known: ${columns.join(", ")}`;
      found.push({ ...place, message: `unknown column "${name.slice(0, 40)}"`, suggestion });
    } else if (names.indexOf(name) !== index) {
      found.push({ ...place, message: `the column "${name}" stands twice` });
    }
  }
  for (const needed of ["asset_tag", "os_type"] as const) {
    if (!names.includes(needed) && found.length === 0) found.push(noHeader(file));
  }
  if (found.length > 0) throw faultOf(found);
  return names as Column[];
}

function noHeader(file: string): Diagnostic {
  const suggestion = "write at least: asset_tag,os_type";
  return { file, line: 1, column: 1, message: "the first line must name the columns", suggestion };
}

function csvRow(cells: readonly Cell[], header: readonly Column[], file: string): LocatedRow {
  const [first] = cells;
  const start = { line: first?.line ?? 1, column: 1 };
  if (cells.length !== header.length) {
    const message = `the row has ${cells.length} cells, the header ${header.length}`;
    throw faultOf([{ file, ...start, message }]);
  }
  const value: Record<string, unknown> = {};
  for (const [index, column] of header.entries()) {
    const text = cells[index]?.text ?? "";
    if (column === "os_usernames") value[column] = text.split(/[;\s]+/).filter((name) => name);
    else if (text !== "") value[column] = text;
  }
  return {
    value,
    label: `line ${start.line}`,
    locate: ([column]) => {
      const cell = cells[header.indexOf(column as Column)];
      return cell ? { line: cell.line, column: cell.column } : start;
    },
  };
}

function* jsonRows(text: string, file: string): Generator<LocatedRow> {
  let rows: unknown;
  try {
    rows = JSON.parse(text);
  } catch (cause) {
    const { diagnostics } = text.length > locatedBytes ? { diagnostics: [] } : read(text, file);
    if (diagnostics.length > 0) throw faultOf(diagnostics);
    throw new Fault("invalid", `${file} is no JSON`, { cause });
  }
  if (!Array.isArray(rows)) {
    const message = "the file must hold one list of devices";
    throw faultOf([{ file, line: 1, column: 1, message, suggestion: 'begin with "["' }]);
  }
  let document: ReturnType<typeof read>["documents"][number] | undefined;
  for (const [index, value] of rows.entries()) {
    yield {
      value,
      label: `entry ${index + 1}`,
      locate: (path) => {
        if (text.length <= locatedBytes) document ??= read(text, file).documents[0];
        return document?.locate([index, ...path], "value") ?? { line: 1, column: 1 };
      },
    };
  }
}

function read(text: string, file: string) {
  return readYaml(text, { source: file, maxBytes: 2 * locatedBytes });
}
