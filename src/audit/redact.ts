/**
 * Lets through what the table of fields knows and the event allows; everything else is written as
 * "[redacted]". An event is never lost because of a field that nobody classified, and no secret
 * gets into the log because somebody added one.
 */
import type { AuditValue } from "./event.ts";
import { type FieldShape, type FieldTable, fields } from "./fields.ts";

/** What stands in the place of a value that may not be written. */
export const redacted = "[redacted]";

/** Bounds of one value: longer ones are cut. */
const maxText = 8192;
const maxMembers = 1000;

/** The fields that every event has by itself: nobody else may set them. */
const reserved: ReadonlySet<string> = new Set([
  "ei",
  "event",
  "uid",
  "code",
  "time",
  "cluster_name",
]);

/**
 * The values of an event that may be written. Undefined values and the fields of the frame are left
 * out.
 */
export function redactFields(
  given: Readonly<Record<string, unknown>>,
  allowed: ReadonlySet<string>,
): Readonly<Record<string, AuditValue>> {
  const written = Object.entries(given)
    .filter(([name, value]) => value !== undefined && !reserved.has(name))
    .slice(0, maxMembers)
    .map(([name, value]): [string, AuditValue] => {
      const shape = allowed.has(name) ? shapeOf(fields, name) : undefined;
      return [cutText(name), shape === undefined ? redacted : redactValue(shape, value)];
    });
  return Object.fromEntries(written);
}

function shapeOf(table: FieldTable, name: string): FieldShape | undefined {
  return Object.hasOwn(table, name) ? table[name]?.shape : undefined;
}

function redactValue(shape: FieldShape, value: unknown): AuditValue {
  if (value === null) return null;
  if (typeof shape === "object") return redactObject(value, (name) => shapeOf(shape, name));
  switch (shape) {
    case "text":
      return typeof value === "string" ? cutText(value) : redacted;
    case "number":
      return Number.isSafeInteger(value) ? (value as number) : redacted;
    case "flag":
      return typeof value === "boolean" ? value : redacted;
    case "texts":
      return Array.isArray(value)
        ? value.slice(0, maxMembers).map((member) => redactValue("text", member))
        : redacted;
    case "labels":
      return redactObject(value, () => "text");
    case "traits":
      return redactObject(value, () => "texts");
  }
}

function redactObject(value: unknown, shape: (name: string) => FieldShape | undefined): AuditValue {
  if (!isPlainObject(value)) return redacted;
  const members = Object.entries(value)
    .slice(0, maxMembers)
    .filter(([, member]) => member !== undefined)
    .map(([name, member]): [string, AuditValue] => {
      const known = shape(name);
      return [cutText(name), known === undefined ? redacted : redactValue(known, member)];
    });
  return Object.fromEntries(members);
}

function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function cutText(text: string): string {
  const whole = text.toWellFormed();
  return whole.length > maxText ? `${whole.slice(0, maxText - 1).toWellFormed()}…` : whole;
}
