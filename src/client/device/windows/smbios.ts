/**
 * The facts of the machine in the raw SMBIOS table (DMTF DSP0134, sections 6.1 and 7.2 to 7.4) as Windows'
 * GetSystemFirmwareTable gives it: the same places that WMI's classes Win32_BIOS, Win32_ComputerSystem, Win32_BaseBoard
 * and Win32_SystemEnclosure read. Not the entry point of other systems.
 */
import { Fault } from "#base/fault.ts";
import type { DmiValues } from "../dmi.ts";

/** RawSMBIOSData: four version bytes and the length of the table, little-endian. */
const windowsHeaderBytes = 8;
const maxTable = 256 * 1024;
const structureHeaderBytes = 4;
/** No text that the inventory takes is longer. */
const maxText = 256;

const type = { system: 1, baseBoard: 2, enclosure: 3, end: 127 } as const;

/** Where in a structure the number of a string stands. */
const wanted: Readonly<Record<keyof DmiValues, { readonly type: number; readonly at: number }>> = {
  productName: { type: type.system, at: 5 },
  productSerial: { type: type.system, at: 7 },
  boardSerial: { type: type.baseBoard, at: 7 },
  chassisAssetTag: { type: type.enclosure, at: 8 },
};

interface Structure {
  readonly formatted: Uint8Array;
  readonly strings: readonly string[];
}

/** Reads the values; one that the firmware leaves out is empty. Throws `malformed` for a table with broken bounds. */
export function parseSmbios(raw: Uint8Array): DmiValues {
  const structures = readStructures(tableOf(raw));
  const find = (name: keyof DmiValues): string => {
    const { type: kind, at } = wanted[name];
    const found = structures.get(kind);
    // String numbers count from one; zero is none, as is a structure of an older, shorter version.
    const text = found?.strings[(found.formatted[at] ?? 0) - 1] ?? "";
    return text.slice(0, maxText).trim();
  };
  return {
    productName: find("productName"),
    productSerial: find("productSerial"),
    boardSerial: find("boardSerial"),
    chassisAssetTag: find("chassisAssetTag"),
  };
}

function tableOf(raw: Uint8Array): Uint8Array {
  if (raw.length < windowsHeaderBytes || raw.length > maxTable) throw broken("its size");
  const length = new DataView(raw.buffer, raw.byteOffset).getUint32(4, true);
  if (length !== raw.length - windowsHeaderBytes) throw broken("its length field");
  return raw.subarray(windowsHeaderBytes);
}

/** The first structure of each type. The table ends with its bytes, or with a structure that says so. */
function readStructures(table: Uint8Array): ReadonlyMap<number, Structure> {
  const found = new Map<number, Structure>();
  let at = 0;
  while (at < table.length) {
    const kind = table[at] ?? 0;
    const length = table[at + 1] ?? 0;
    if (length < structureHeaderBytes || at + length > table.length) throw broken("a structure");
    const formatted = table.subarray(at, at + length);
    const { strings, end } = readStrings(table, at + length);
    if (!found.has(kind)) found.set(kind, { formatted, strings });
    if (kind === type.end) break;
    at = end;
  }
  return found;
}

/** Strings end with a zero each, and their set with one more; an empty set is two zeros. */
function readStrings(table: Uint8Array, start: number): { strings: string[]; end: number } {
  const strings: string[] = [];
  let at = start;
  for (;;) {
    const end = table.indexOf(0, at);
    if (end < 0) throw broken("a set of strings");
    if (end === at)
      return { strings, end: strings.length === 0 ? secondZero(table, end) : end + 1 };
    strings.push(new TextDecoder().decode(table.subarray(at, end)));
    at = end + 1;
  }
}

function secondZero(table: Uint8Array, first: number): number {
  if (table[first + 1] !== 0) throw broken("a set of strings");
  return first + 2;
}

function broken(part: string): Fault {
  return new Fault("malformed", `the firmware's SMBIOS table cannot be read: ${part} is wrong`, {
    hint: "update the firmware of this machine",
  });
}
