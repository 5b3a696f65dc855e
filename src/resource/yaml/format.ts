/**
 * Documents as text, in the layout of `tctl get`: YAML with sorted keys, two spaces, lists flush
 * with their key; JSON with four spaces and keys in the order of the schema.
 */
import { showableJson } from "#base/showable.ts";
import type { Resource } from "../kinds.ts";
import { presentResource } from "../present.ts";
import { formatScalar } from "./scalar-style.ts";

/** A resource as a YAML document, ending in a newline. */
export function formatYaml(resource: Resource): string {
  return formatYamlValue(presentResource(resource));
}

/** Resources as YAML documents separated by `---`; no resource at all gives `[]`. */
export function formatYamlDocuments(resources: readonly Resource[]): string {
  return resources.length === 0 ? "[]\n" : resources.map(formatYaml).join("---\n");
}

/** Resources as a JSON list, without a newline at the end and without characters that a terminal or our reader refuses. */
export function formatJson(resources: readonly Resource[]): string {
  return showableJson(JSON.stringify(resources.map(presentResource), undefined, 4));
}

/** Any plain value as YAML, ending in a newline. Keys are sorted; undefined is left out. */
export function formatYamlValue(value: unknown): string {
  const lines = isFilled(value) ? linesOf(value, 0) : [inline(value, 0)];
  return `${lines.join("\n")}\n`;
}

function isFilled(value: unknown): value is Record<string, unknown> | unknown[] {
  if (typeof value !== "object" || value === null) return false;
  if (Array.isArray(value)) return value.length > 0;
  return Object.values(value).some((child) => child !== undefined);
}

function linesOf(value: Record<string, unknown> | readonly unknown[], indent: number): string[] {
  const pad = " ".repeat(indent);
  if (Array.isArray(value)) {
    return value.flatMap((item: unknown) => {
      if (!isFilled(item)) return [`${pad}- ${inline(item, indent + 2)}`];
      const [first = "", ...rest] = linesOf(item, indent + 2);
      return [`${pad}- ${first.slice(indent + 2)}`, ...rest];
    });
  }
  const entries = Object.entries(value).filter(([, child]) => child !== undefined);
  return entries
    .sort(([a], [b]) => compareKeys(a, b))
    .flatMap(([key, child]) => {
      const name = `${pad}${formatKey(key)}:`;
      if (!isFilled(child)) return [`${name} ${inline(child, indent + 2)}`];
      return [name, ...linesOf(child, Array.isArray(child) ? indent : indent + 2)];
    });
}

function formatKey(key: string): string {
  return key.includes("\n") ? JSON.stringify(key) : formatScalar(key, 0);
}

function inline(value: unknown, indent: number): string {
  if (typeof value === "string") return formatScalar(value, indent);
  if (Array.isArray(value)) return "[]";
  return typeof value === "object" && value !== null ? "{}" : String(value ?? null);
}

/** Keys whose order is that of their characters: nearly all. */
const simpleKey = /^[a-z_]*$/;
const letter = /^\p{L}/u;

/**
 * Other characters before letters, digits as numbers: `db_names` before `dba`, `k2` before `k10`.
 */
export function compareKeys(a: string, b: string): number {
  if (simpleKey.test(a) && simpleKey.test(b)) return a < b ? -1 : a > b ? 1 : 0;
  const left = a.match(/\d+|./gsu) ?? [];
  const right = b.match(/\d+|./gsu) ?? [];
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const order = comparePart(left[i] ?? "", right[i] ?? "");
    if (order !== 0) return order;
  }
  return left.length - right.length || (a < b ? -1 : a > b ? 1 : 0);
}

function comparePart(a: string, b: string): number {
  if (a === b) return 0;
  const letters = Number(letter.test(a)) - Number(letter.test(b));
  if (letters !== 0) return letters;
  if (/^\d/.test(a) && /^\d/.test(b)) {
    const order = Number(a) - Number(b) || a.length - b.length;
    if (order !== 0 && !Number.isNaN(order)) return order;
  }
  return a < b ? -1 : 1;
}
